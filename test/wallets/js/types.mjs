// The chain's types, as the chain itself describes them, in the form that CosmJS takes.
import { create, createFileRegistry, fromBinary, getOption, hasOption, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

// loadTypes asks a node for its .proto files. A wallet may also keep the answer, or compile the files in proto/.
export async function loadTypes(comet) {
  const path = "/cosmos.reflection.v1.ReflectionService/FileDescriptors";
  const answer = await comet.abciQuery({ path, data: new Uint8Array() });
  if (answer.code !== 0) throw new Error(`${path}: ${answer.log}`);
  const set = fromBinary(FileDescriptorSetSchema, answer.value); // the answer's only field is the set's only field
  const byName = new Map(set.file.map((file) => [file.name, file]));
  const sorted = new Set(); // what is imported comes first
  const add = (file) => {
    if (file === undefined || sorted.has(file)) return;
    file.dependency.forEach((name) => add(byName.get(name)));
    sorted.add(file);
  };
  set.file.forEach(add);
  set.file = [...sorted];
  return createFileRegistry(set);
}

// option reads an option such as amino.name of a message or field; undefined where it is not set.
export function option(types, desc, name) {
  const extension = types.getExtension(name);
  return hasOption(desc, extension) ? getOption(desc, extension) : undefined;
}

// messages lists what transactions are made of: every Msg that says who signs it.
export function messages(types) {
  return [...types].filter((t) => t.kind === "message" && t.name.startsWith("Msg") && option(types, t, "cosmos.msg.v1.signer"));
}

// aminoMessages are those of them that have a form in amino JSON. MsgSend of x/nft has none.
export function aminoMessages(types) {
  return messages(types).filter((desc) => option(types, desc, "amino.name"));
}

// registryTypes are the entries for CosmJS's Registry.
export function registryTypes(types) {
  return messages(types).map((desc) => [`/${desc.typeName}`, {
    fromPartial: (value) => create(desc, value),
    encode: (value) => ({ finish: () => toBinary(desc, value) }),
    decode: (bytes) => fromBinary(desc, bytes),
  }]);
}
