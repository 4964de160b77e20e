/** A place outside that holds a snapshot: an HTTP(S) address, or an object of an S3-compatible store. */

/** How a place is written in the configuration. */
export interface PlaceSettings {
  /** "https://host/path", "http://host/path" or "s3://bucket/object". */
  readonly url: string;
  /** Of the S3 store; "" is Amazon's of the region. */
  readonly endpoint: string;
  readonly region: string;
}

/** One place. An object is addressed by its path ("endpoint/bucket/object"): every store speaks that. */
export interface Place {
  readonly kind: "http" | "s3";
  readonly url: URL;
  readonly region: string;
  /** Whether the way to it is encrypted and its certificate verified. */
  readonly secure: boolean;
}

/** Reads a place; undefined if the text names none. */
export function parsePlace({ url: text, endpoint, region }: PlaceSettings): Place | undefined {
  const object = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+)$/.exec(text);
  const base = endpoint === "" ? `https://s3.${region}.amazonaws.com` : endpoint.replace(/\/$/, "");
  const [, bucket = "", name = ""] = object ?? [];
  const path = name.split("/").map(encodeURIComponent).join("/");
  const url = parseUrl(object === null ? text : `${base}/${bucket}/${path}`);
  if (url === undefined || (object === null && text.startsWith("s3:"))) {
    return undefined;
  }
  return { kind: object === null ? "http" : "s3", url, region, secure: url.protocol === "https:" };
}

function parseUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url?.protocol === "https:" || url?.protocol === "http:";
  // Secrets are in files of their own, not in a setting that is printed.
  return url !== undefined && web && url.username === "" && url.password === "" ? url : undefined;
}
