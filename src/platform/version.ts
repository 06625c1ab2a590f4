import about from "../../package.json" with { type: "json" };

/** Of this Varve. */
export const VERSION: string = about.version;
