import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { runtimeSuite } from "../runtime.suite.ts";
import { ProcessBed } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

runtimeSuite(() => ProcessBed.make(TOOLS));
