import { t } from "../../base/schema.ts";

const text = t.Optional(t.String());
const texts = t.Optional(t.Array(t.String()));
const flag = t.Optional(t.Boolean());
const whole = t.Optional(t.Integer());

/** What the engine answers, as far as we look at it. */
export const VERSION = t.Object({
  Version: text,
  Os: text,
  Arch: text,
  Components: t.Optional(t.Array(t.Object({ Name: text }))),
});

export const INFO = t.Object({ SecurityOptions: texts });

export const NETWORK = t.Object({
  IPAM: t.Optional(
    t.Object({ Config: t.Optional(t.Array(t.Object({ Gateway: text, Subnet: text }))) }),
  ),
});

export const IMAGE = t.Object({ RootFS: t.Optional(t.Object({ Layers: texts })) });

export const IMAGES = t.Array(t.Object({ RepoTags: texts }));

export const CREATED = t.Object({ Id: t.String() });

const binding = t.Object({ HostIp: text, HostPort: text });

export const CONTAINER = t.Object({
  Id: t.String(),
  State: t.Object({
    Status: text,
    Running: flag,
    Paused: flag,
    OOMKilled: flag,
    ExitCode: whole,
    Error: text,
  }),
  Config: t.Optional(t.Object({ Labels: t.Optional(t.MapOf(t.String())) })),
  NetworkSettings: t.Optional(
    t.Object({
      Networks: t.Optional(t.MapOf(t.Object({ IPAddress: text }))),
      Ports: t.Optional(t.MapOf(t.Unknown())),
    }),
  ),
});

export const BINDINGS = t.Array(binding);

export const CONTAINERS = t.Array(t.Object({ Id: t.String(), Names: texts }));

/** One of its events, of which we ask for those of a container that was sent a signal. */
export const KILLED = t.Object({
  Actor: t.Optional(t.Object({ ID: text, Attributes: t.Optional(t.Object({ signal: text })) })),
});

export const WAITED = t.Object({ StatusCode: t.Integer() });

export const STATS = t.Object({
  cpu_stats: t.Optional(
    t.Object({ cpu_usage: t.Optional(t.Object({ total_usage: t.Optional(t.Number()) })) }),
  ),
  memory_stats: t.Optional(t.Object({ usage: t.Optional(t.Number()) })),
});

export const EXEC = t.Object({ Running: flag, ExitCode: whole, Pid: whole });
