/** What the fields of a TrafficPolicy mean: "parent.name", for many of these names are common. */
export const POLICY_WORDS: Readonly<Record<string, string>> = {
  "spec.hosts": "More hosts of the Route: exact, or a wildcard for every name below.",
  "spec.rules": "Who is sent elsewhere; the first that matches decides.",
  "spec.sticky": "Whose requests go to the same Revision again; exactly one key.",
  "spec.mirrors": "Shares of the requests that other Revisions get a copy of, 100 percent in all.",
  "spec.allowRevisionHeader":
    "Whether clients may name a Revision of the traffic in Varve-Revision.",
  "spec.tagHeader": "False: Knative-Serving-Tag means nothing here.",
  "spec.ip": "Which clients may come, by their addresses.",
  "spec.redirects": "Who is told to ask elsewhere; the first that matches decides.",
  "spec.jwt": "The token that requests must bring.",
  "spec.rateLimits": "How many requests are let in; all of them hold.",
  "spec.cors": "What browsers may do for pages of other origins.",
  "spec.maxBodyBytes": "The longest body of a request that is taken.",
  "spec.requestHeaders": "What is changed of the headers that instances get.",
  "spec.responseHeaders": "What is changed of the headers that clients get.",
  "spec.compression": "Which answers are compressed, and how.",
  "spec.hideRevision": "Whether answers do not tell which Revision they come from.",
  "rules.name": "What it is called in messages; none is there twice.",
  "rules.match": "For which requests it is: all that is given must hold.",
  "rules.to": "Where they go: a tag, a Revision, or another Route.",
  "rules.rewritePrefix": "Put in the place of match.pathPrefix, element by element.",
  "match.pathPrefix": "Whole elements of the path, as it is sent: /api is not /apix.",
  "match.path": "The whole path, as it is sent, without the query.",
  "match.methods": "One of these, in capitals.",
  "match.headers": "What headers must be; several of one name are one, with commas.",
  "match.cookies": "What cookies must be.",
  "match.query": "What parameters of the query must be; the first of a name counts.",
  "match.claims": "What the token must say; needs spec.jwt.",
  ...valueWords(["headers", "cookies", "query", "claims"]),
  "to.tag": "A tag of the Route's traffic.",
  "to.revision": "A Revision of the namespace, which must be ready.",
  "to.route": "Another Route of the namespace, by its own traffic.",
  "sticky.header": "The header that is the key.",
  "sticky.cookie": "The cookie that is the key.",
  "sticky.claim": "The claim that is the key; needs spec.jwt.",
  "sticky.clientAddress": "True: the client's address is the key.",
  "sticky.issue": "With cookie: who has none is given one.",
  "mirrors.tag": "A tag of the Route's traffic.",
  "mirrors.revision": "A Revision of the namespace, which must be ready.",
  "mirrors.percent": "Of all requests, in steps of a tenth.",
  "ip.allow": "Addresses and blocks in CIDR notation; all others are refused.",
  "ip.deny": "Addresses and blocks in CIDR notation that are refused.",
  "redirects.match": "For which requests it is; all, when left out.",
  "redirects.scheme": "http or https; the same when left out.",
  "redirects.host": "With a port or without; the same when left out.",
  "redirects.path": "Put in the place of match.pathPrefix, or of the whole path.",
  "redirects.code": "301, 302, 303, 307 or 308; 308 when left out.",
  "jwt.issuer": "Who must have issued it.",
  "jwt.audiences": "It must be for one of these; for any, when left out.",
  "jwt.jwksUri": "Where the keys of the issuer are.",
  "jwt.jwks": "The keys themselves, as JSON, instead of where they are.",
  "jwt.algorithms": "Asymmetric ones of RFC 7518; RS256, ES256 and EdDSA when left out.",
  "jwt.header": "The header it is in, instead of Authorization.",
  "jwt.cookie": "The cookie it is in, instead of Authorization.",
  "jwt.required": "False: who has no token passes, though not who has a bad one.",
  "jwt.claims": "What it must say beside.",
  "jwt.publicPaths": "Paths that need no token: these very ones, and nothing below them.",
  "jwt.claimHeaders": "Headers that tell the instance what it says.",
  "claimHeaders.claim": "The claim: sub, or org.id inside of another.",
  "claimHeaders.header": "The header; what a client says under this name is dropped.",
  "rateLimits.requests": "So many requests in the time of per.",
  "rateLimits.per": "In this time, from 1ms to 24h, such as 1s or 1m.",
  "rateLimits.burst": "At once, when there were few before; as requests when left out.",
  "rateLimits.header": "Each value of this header has a limit of its own.",
  "rateLimits.claim": "Each value of this claim has a limit of its own; needs spec.jwt.",
  "rateLimits.all": "True: one limit for all together, and not for each client address.",
  "cors.allowOrigins": "https://app.example.com, https://*.example.com, or *.",
  "cors.allowMethods": "What may be asked for; the usual ones when left out.",
  "cors.allowHeaders": "Which headers may be sent; those that are asked for when left out.",
  "cors.exposeHeaders": "Which headers of answers scripts may read.",
  "cors.allowCredentials": "Whether cookies are sent along; not with *.",
  "cors.maxAgeSeconds": "For how long a browser may go by what it was told.",
  "compression.algorithms": "br and gzip when left out; among equals the first.",
  "compression.minBytes": "What is known to be shorter goes as it is; 1024 when left out.",
  "compression.types": "Media types, or text/*; text of all sorts when left out.",
  ...editWords(["requestHeaders", "responseHeaders"]),
};

function valueWords(parents: readonly string[]): Readonly<Record<string, string>> {
  const words = {
    name: "Which one; with nothing beside, it must be there.",
    exact: "What its value must be.",
    prefix: "What its value must begin with.",
    oneOf: "Its value must be one of these.",
    present: "False: it must not be there.",
  };
  return under(parents, words);
}

function editWords(parents: readonly string[]): Readonly<Record<string, string>> {
  const words = {
    remove: "Taken out, first of all.",
    set: "Put in the place of what was there under the name.",
    add: "Put beside what was there under the name.",
  };
  return under(parents, words);
}

function under(parents: readonly string[], words: Readonly<Record<string, string>>) {
  const entries = Object.entries(words);
  const pairs = parents.flatMap((it) => entries.map(([name, text]) => [`${it}.${name}`, text]));
  return Object.fromEntries(pairs) as Readonly<Record<string, string>>;
}
