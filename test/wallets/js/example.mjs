// Registers an app: node example.mjs [direct|amino]
import { connect, open } from "./client.mjs";

const rpc = process.env.EMC_RPC ?? "http://127.0.0.1:26657";
const mnemonic = process.env.EMC_MNEMONIC ?? // alice of the local network
  "guitar neutral flame search awkward tip pause frozen video festival amateur top lend occur february ridge token chaos tail arena hire nerve memory stand";
const { client, address } = await open(await connect(rpc), mnemonic, process.argv[2] ?? "direct");

const app = {
  owner: address,
  id: `my-app-${Date.now()}`,
  runtime: "wasm",
  digest: "00".repeat(32),
  interface: 1, // enums are numbers
  minMemoryBytes: 67108864n, // 64-bit numbers are BigInt, fields are in camelCase
};
const result = await client.signAndBroadcast(address, [{ typeUrl: "/emc.compute.v1.MsgRegisterApp", value: app }], 1.4); // gas: 1.4 times what the simulation took
if (result.code !== 0) throw new Error(result.rawLog);
console.log(`registered ${app.id} in block ${result.height}`);
