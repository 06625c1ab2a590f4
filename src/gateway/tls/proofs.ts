import type { Backend } from "../backend.ts";
import type { Course } from "../course.ts";
import { pickBackend } from "../pick.ts";
import { unknownHost } from "../refusal.ts";
import type { RouteTable, Rule } from "../table.ts";
import type { TlsTable } from "./tls_table.ts";

const PLACE = "/.well-known/acme-challenge/";

/**
 * The table with answers for those who issue certificates, in front of what Routes say: of all
 * that is asked of a host while its proof is awaited, one path is ours (RFC 8555, 8.3).
 */
export function withProofs(rules: RouteTable, tls: TlsTable): RouteTable {
  return {
    get: (host) => {
      const rule = rules.get(host);
      return tls.hasHttpAnswers ? answering(host, rule, tls) : rule;
    },
  };
}

function answering(host: string, rule: Rule | undefined, tls: TlsTable): Rule | undefined {
  if (!tls.hasHttpAnswersFor(host)) return rule;
  const none: Rule = { route: "", special: undefined, backends: [], order: NO_ORDER, turn: 0 };
  return {
    ...(rule ?? none),
    special: {
      admit(asked, admission) {
        const token = asked.target.startsWith(PLACE) ? asked.target.slice(PLACE.length) : "";
        const answer = tls.httpAnswer(host, token);
        if (answer !== undefined) admission.refuse({ code: 200, detail: answer });
        else if (rule === undefined) admission.refuse(unknownHost(host, true));
        else if (rule.special !== undefined) rule.special.admit(asked, admission);
        else admission.go(plain(pickBackend(rule)));
      },
    },
  };
}

const NO_ORDER = new Uint16Array(0);

function plain(backend: Backend): Course {
  return {
    ...{ backend, why: "split", target: undefined, onRequest: undefined, onAnswer: undefined },
    ...{ bodyBytesMax: undefined, mirror: undefined },
  };
}
