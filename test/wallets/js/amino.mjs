// Amino JSON: what hardware wallets show and sign, made of the chain's own descriptors.
import { create, fromBinary, ScalarType, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { aminoMessages, option } from "./types.mjs";

// aminoConverters are the entries for CosmJS's AminoTypes.
export function aminoConverters(types) {
  const amino = new Amino(types);
  return Object.fromEntries(aminoMessages(types).map((desc) => [`/${desc.typeName}`, {
    aminoType: amino.option(desc, "amino.name"),
    toAmino: (value) => amino.message(reflect(desc, create(desc, value))),
    fromAmino: (json) => amino.parse(desc, json).message,
  }]));
}

const long = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);

class Amino {
  constructor(types) {
    this.types = types;
    this.byName = new Map(aminoMessages(types).map((desc) => [this.option(desc, "amino.name"), desc]));
  }

  option(desc, name) { return option(this.types, desc, name); }

  // refuse stops at what EMC's messages do not have, rather than sign it wrongly.
  refuse(desc) {
    const odd = desc.fields.find((f) => f.oneof || f.fieldKind === "map" || f.message?.typeName.match(/^google\.protobuf\.(?!Any$)/)
      || this.option(f, "cosmos_proto.scalar") === "cosmos.Dec");
    if (odd || this.option(desc, "amino.message_encoding")) {
      throw new Error(`${desc.typeName}${odd ? `.${odd.name}` : ""}: amino JSON of this kind is not written yet`);
    }
  }

  // message: fields by their names in the .proto file. One that is not set is left out, unless it says dont_omitempty.
  message(message) {
    if (message.desc.typeName === "google.protobuf.Any") return this.any(message.message);
    this.refuse(message.desc);
    const json = {};
    for (const field of message.desc.fields) {
      if (message.isSet(field) || this.option(field, "amino.dont_omitempty")) {
        json[field.name] = this.field(field, message.get(field));
      }
    }
    return json;
  }

  field(field, value) {
    if (field.fieldKind === "list") {
      // An empty list that is not left out is null, or [] if its encoding says so.
      if (value.size === 0) return this.option(field, "amino.encoding") ? [] : null;
      return [...value].map((item) => this.single(field, field.listKind, item));
    }
    return this.single(field, field.fieldKind, value);
  }

  single(field, kind, value) {
    if (kind === "message") return this.message(value);
    if (kind !== "scalar") return value; // an enum is its number
    if (this.option(field, "cosmos_proto.scalar") === "cosmos.Int") return value || "0";
    if (field.scalar === ScalarType.BYTES) return base64Encode(value);
    return long.has(field.scalar) ? value.toString() : value;
  }

  // any: a message within a message, as in a proposal.
  any({ typeUrl, value }) {
    const desc = this.types.getMessage(typeUrl.slice(1));
    return { type: this.option(desc, "amino.name"), value: this.message(reflect(desc, fromBinary(desc, value))) };
  }

  // parse is the way back: what was signed is what is sent.
  parse(desc, json) {
    if (desc.typeName === "google.protobuf.Any") return this.parseAny(desc, json);
    this.refuse(desc);
    const message = reflect(desc);
    for (const field of desc.fields) {
      const value = json[field.name];
      if (value === undefined || value === null) continue;
      if (field.fieldKind === "list") value.forEach((item) => message.get(field).add(this.parseSingle(field, field.listKind, item)));
      else message.set(field, this.parseSingle(field, field.fieldKind, value));
    }
    return message;
  }

  parseSingle(field, kind, value) {
    if (kind === "message") return this.parse(field.message, value);
    if (kind !== "scalar") return value;
    if (field.scalar === ScalarType.BYTES) return base64Decode(value);
    return long.has(field.scalar) ? BigInt(value) : value;
  }

  parseAny(any, { type, value }) {
    const desc = this.byName.get(type);
    return reflect(any, create(any, { typeUrl: `/${desc.typeName}`, value: toBinary(desc, this.parse(desc, value).message) }));
  }
}
