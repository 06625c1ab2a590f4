import assert from "node:assert/strict";
import { test } from "node:test";
import { dnsProof } from "./proof.ts";

const CLAIM = { domain: "shop.example.com", namespace: "shop" };

test("a domain is one's own by the record that only its owner can write", async () => {
  const asked: string[] = [];
  const proof = dnsProof(async (name) => {
    asked.push(name);
    return ["other", "namespace=shop"];
  });
  assert.equal(await proof.lackFor(CLAIM), undefined);
  assert.deepEqual(asked, ["_varve.shop.example.com"]);
});

test("what is lacking says which record to add, what is there, and who is silent", async () => {
  const add = 'Add a DNS record: _varve.shop.example.com TXT "namespace=shop".';
  assert.equal(await dnsProof(async () => []).lackFor(CLAIM), add);
  const other = await dnsProof(async () => ["namespace=a"]).lackFor(CLAIM);
  assert.equal(other, `${add} What is there now: "namespace=a".`);
  const dead = dnsProof(async () => {
    throw new Error("queryTxt ETIMEOUT");
  });
  assert.equal(await dead.lackFor(CLAIM), `${add} Nobody answers for it now: queryTxt ETIMEOUT.`);
});
