// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of templates
import assert from "node:assert/strict";
import { test } from "node:test";
import { instantiate, unsatisfied } from "./build_arguments.ts";

const TEMPLATE = {
  parameters: [{ name: "IMAGE" }, { name: "DIR", default: "/workspace" }, { name: "CONFIG" }],
  steps: [
    {
      name: "make-${CONFIG}",
      image: "example.com/${IMAGE}",
      command: ["${DIR}/make"],
      args: ["--to=${IMAGE}", "${OTHER}"],
      workingDir: "${DIR}",
      terminationMessagePath: "${DIR}/why",
      env: [
        { name: "A", value: "${IMAGE}" },
        { name: "B", valueFrom: { secretKeyRef: { name: "${CONFIG}", key: "k" } } },
      ],
      volumeMounts: [{ name: "v-${CONFIG}", mountPath: "${DIR}/v", subPath: "${CONFIG}" }],
    },
  ],
  volumes: [
    { name: "v-${CONFIG}", configMap: { name: "${CONFIG}" } },
    { name: "s", secret: { secretName: "${CONFIG}" } },
  ],
};

test("an argument stands wherever its parameter is named, or else a default", () => {
  const spec = {
    timeout: "1m",
    volumes: [{ name: "own", emptyDir: {} }],
    template: {
      name: "t",
      arguments: [
        { name: "IMAGE", value: "app" },
        { name: "CONFIG", value: "c" },
      ],
    },
  };
  assert.deepEqual(instantiate(spec, TEMPLATE), {
    timeout: "1m",
    steps: [
      {
        name: "make-c",
        image: "example.com/app",
        command: ["/workspace/make"],
        args: ["--to=app", "${OTHER}"],
        workingDir: "/workspace",
        terminationMessagePath: "/workspace/why",
        env: [
          { name: "A", value: "app" },
          { name: "B", valueFrom: { secretKeyRef: { name: "c", key: "k" } } },
        ],
        volumeMounts: [{ name: "v-c", mountPath: "/workspace/v", subPath: "c" }],
      },
    ],
    volumes: [
      { name: "own", emptyDir: {} },
      { name: "v-c", configMap: { name: "c" } },
      { name: "s", secret: { secretName: "c" } },
    ],
  });
});

test("the environment of the use counts more than that of each step", () => {
  const env = [{ name: "A", value: "mine" }];
  const { steps = [] } = instantiate({ template: { name: "t", env } }, TEMPLATE);
  assert.deepEqual(
    steps[0]?.env?.map(({ name, value }) => [name, value]),
    [
      ["B", undefined],
      ["A", "mine"],
    ],
  );
});

test("what an argument says is not read as a placeholder again", () => {
  const template = { parameters: [{ name: "A" }, { name: "B" }], steps: [{ args: ["${A}"] }] };
  const given = [
    { name: "A", value: "${B}" },
    { name: "B", value: "no" },
  ];
  const { steps } = instantiate({ template: { name: "t", arguments: given } }, template);
  assert.deepEqual(steps, [{ args: ["${B}"] }]);
});

test("parameters without a value and without a default are named", () => {
  assert.deepEqual(unsatisfied(TEMPLATE, { arguments: [{ name: "CONFIG", value: "c" }] }), [
    "IMAGE",
  ]);
});
