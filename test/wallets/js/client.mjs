// A wallet for EMC: CosmJS with the chain's own types.
import { Secp256k1HdWallet } from "@cosmjs/amino";
import { DirectSecp256k1HdWallet, Registry } from "@cosmjs/proto-signing";
import { AminoTypes, GasPrice, SigningStargateClient } from "@cosmjs/stargate";
import { Comet38Client } from "@cosmjs/tendermint-rpc";
import { aminoConverters } from "./amino.mjs";
import { loadTypes, registryTypes } from "./types.mjs";

// connect reaches a node. Not by CosmJS's connectComet: it takes EMC's CometBFT for Tendermint 0.34, and then cannot read events.
export async function connect(rpc) {
  const comet = await Comet38Client.connect(rpc);
  const types = await loadTypes(comet);
  const registry = new Registry(registryTypes(types));
  const aminoTypes = new AminoTypes(aminoConverters(types));
  return { comet, types, registry, aminoTypes };
}

// open is the wallet of a mnemonic. What signs decides the mode: "direct" signs protobuf, "amino" signs JSON.
export async function open({ comet, registry, aminoTypes }, mnemonic, mode) {
  const wallet = mode === "amino" ? Secp256k1HdWallet : DirectSecp256k1HdWallet;
  const signer = await wallet.fromMnemonic(mnemonic, { prefix: "emc" });
  const [{ address }] = await signer.getAccounts();
  const client = SigningStargateClient.createWithSigner(comet, signer, { registry, aminoTypes, gasPrice: GasPrice.fromString("0.01uemc") });
  return { address, client: await client };
}
