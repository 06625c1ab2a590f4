// Fills the disk that the store of images has, and tells how that was refused, and what is left.
import { readdirSync } from "node:fs";
import { DiskImageStore } from "./disk.ts";

const [, , home] = process.argv;
const store = new DiskImageStore({ home });
await store.start();

async function* endless() {
  for (;;) yield Buffer.alloc(10_000);
}

try {
  await store.putBlob(endless());
} catch ({ reason, message }) {
  console.log(reason, message);
}
console.log(readdirSync(`${home}/tmp`).length);
