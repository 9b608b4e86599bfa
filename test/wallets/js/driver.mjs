// The test's wallet: reads a request a line, signs, simulates, broadcasts, waits for the block, and answers with a line.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { fromJson } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { calculateFee } from "@cosmjs/stargate";
import { TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx.js";
import { pageFetch } from "./browser.mjs";
import { connect, open } from "./client.mjs";

const [rpc, rest, origin] = process.argv.slice(2);
globalThis.fetch = pageFetch(fetch, origin); // CosmJS's, too
const chain = await connect(rpc);
const chainId = await chain.comet.status().then((status) => status.nodeInfo.network);

async function get(path, request) {
  const answer = await fetch(rest + path, request);
  return { status: answer.status, body: await answer.json() };
}

const post = (path, body) => get(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// The two ways to a node.
const ways = {
  rpc: {
    account: ({ client, address }) => client.getSequence(address),
    simulate: ({ client, address }, message) => client.simulate(address, [message], "").then((gas) => ({ gas }), (error) => ({ refused: error.message })),
    broadcast: (tx) => chain.comet.broadcastTxSync({ tx }),
    result: (hash) => chain.comet.tx({ hash }).then(({ result }) => result, () => undefined),
  },
  rest: {
    account: async ({ address }) => {
      const { body } = await get(`/cosmos/auth/v1beta1/accounts/${address}`);
      return { accountNumber: Number(body.account.account_number), sequence: Number(body.account.sequence) };
    },
    simulate: async (_, __, tx) => {
      const { status, body } = await post("/cosmos/tx/v1beta1/simulate", { tx_bytes: base64Encode(tx) });
      return status === 200 ? { gas: Number(body.gas_info.gas_used) } : { refused: body.message };
    },
    broadcast: async (tx) => {
      const { body } = await post("/cosmos/tx/v1beta1/txs", { tx_bytes: base64Encode(tx), mode: "BROADCAST_MODE_SYNC" });
      if (!body.tx_response) throw new Error(`POST /cosmos/tx/v1beta1/txs: ${body.message}`);
      return outcome(body.tx_response);
    },
    result: async (hash) => {
      const { status, body } = await get(`/cosmos/tx/v1beta1/txs/${hash.toString("hex")}`);
      return status === 200 ? outcome(body.tx_response) : undefined;
    },
  },
};

const outcome = ({ code, codespace, raw_log: log }) => ({ code, codespace, log });
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// patiently asks again: between two blocks a node cannot always tell.
async function patiently(ask) {
  for (let tries = 1; ; tries++, await sleep(500)) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 10) throw error;
    }
  }
}

async function simulate(way, ...what) {
  const answer = await way.simulate(...what);
  if (answer.refused && !answer.refused.includes("failed to execute message")) throw new Error(`no simulation: ${answer.refused}`);
  return answer;
}

const wallets = new Map();

function wallet(mnemonic, mode) {
  const key = `${mode} ${mnemonic}`;
  if (!wallets.has(key)) wallets.set(key, open(chain, mnemonic, mode));
  return wallets.get(key);
}

// send does all that a wallet does with one message.
async function send({ mnemonic, mode, via, typeUrl, value, chainId: other }) {
  const desc = chain.types.getMessage(typeUrl.slice(1));
  const message = { typeUrl, value: fromJson(desc, value, { registry: chain.types }) };
  message.value.messages?.forEach((any) => { any.typeUrl = any.typeUrl.replace(/^.*[/]/, "/"); }); // the Cosmos SDK's form, not Google's
  const signer = await wallet(mnemonic, mode);
  const way = ways[via];
  const signerData = { ...(await patiently(() => way.account(signer))), chainId: other ?? chainId };
  const sign = async (gas) => {
    const fee = calculateFee(gas, "0.01uemc");
    return TxRaw.encode(await signer.client.sign(signer.address, [message], fee, "", signerData)).finish();
  };
  const draft = await sign(1_000_000);
  const simulated = await patiently(() => simulate(way, signer, message, draft));
  // What the simulation refuses is sent all the same: the block has the last word.
  const tx = await sign(Math.ceil((simulated.gas ?? 500_000) * 1.5));
  const checked = await way.broadcast(tx);
  const { code, codespace, log } = checked.code === 0 ? await inBlock(way, createHash("sha256").update(tx).digest()) : checked;
  return { simulated, stage: checked.code === 0 ? "block" : "check", code, codespace, log };
}

async function inBlock(way, hash) {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(250)) {
    const result = await way.result(hash);
    if (result) return result;
  }
  throw new Error(`transaction ${hash.toString("hex")} is in no block after a minute`);
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  send(request)
    .catch((error) => ({ error: `${error.stack}` }))
    .then((answer) => console.log(JSON.stringify({ id: request.id, ...answer })));
}
