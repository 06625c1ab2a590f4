import { cellOf } from "../../api/column.ts";
import type { Kind } from "../../api/kind.ts";
import type { Resource } from "../../api/meta.ts";
import { writeYaml } from "../../base/yaml.ts";
import type { Table } from "../../client/kubernetes.ts";
import { columns } from "../columns.ts";
import { fullName } from "./kinds.ts";

export type Form = "table" | "wide" | "name" | "json" | "yaml";

export interface TableStyle {
  readonly isWide: boolean;
  readonly hasNamespace: boolean;
  /** Where several kinds are shown, each name says of which it is. */
  readonly isMixed: boolean;
}

/** A table that a server made, as lines. */
export function tableLines(kind: Kind, table: Table, style: TableStyle): readonly string[] {
  const { isWide, hasNamespace, isMixed } = style;
  const shown = table.columnDefinitions.map(({ priority }) => isWide || priority === 0);
  const isShown = (_: unknown, at: number) => shown[at] === true;
  const headings = table.columnDefinitions.filter(isShown).map(({ name }) => name.toUpperCase());
  const rows = table.rows.map(({ cells, object }) => {
    const [name = "", ...others] = cells.filter(isShown).map((cell) => String(cell ?? ""));
    const { namespace = "" } = object.metadata;
    const called = isMixed ? fullName(kind, name) : name;
    return [...(hasNamespace ? [namespace] : []), called, ...others];
  });
  return columns([...(hasNamespace ? ["NAMESPACE"] : []), ...headings], rows);
}

/** The same table as the server would make it. */
export function tableOf(kind: Kind, resources: readonly Resource[], nowMs: number): Table {
  return {
    columnDefinitions: kind.columns.map(({ name, priority = 0 }) => ({ name, priority })),
    rows: resources.map((object) => ({
      cells: kind.columns.map((column) => cellOf(column, object, nowMs)),
      object,
    })),
  };
}

/** Resources as they are: one by itself, several as a list. */
export function documentOf(resources: readonly Resource[], isOne: boolean): unknown {
  const items = resources.map(readable);
  const [first] = items;
  if (isOne && first !== undefined) return first;
  return { apiVersion: "v1", kind: "List", metadata: {}, items };
}

/** Without who owns which field: as long as the rest, and for programs that ask the server. */
export function readable<R extends Resource>(resource: R): R {
  const { managedFields: _, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}

/** As text in one of the forms for programs. */
export function written(value: unknown, form: "json" | "yaml"): string {
  return form === "yaml" ? writeYaml(value) : `${JSON.stringify(value, undefined, 2)}\n`;
}
