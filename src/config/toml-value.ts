/** A value as TOML writes it. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(tomlValue).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)} = ${tomlValue(item)}`);
    return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
  }
  return typeof value === "number" || value instanceof Date ? String(value) : JSON.stringify(value);
}

/** The same for a message: no credentials of a URL, and not more than a line of it. */
export function shownValue(value: unknown): string {
  const text = mask(tomlValue(value)).replaceAll(/[\x00-\x1f\x7f]/g, "?");
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** Credentials inside a URL are never printed. */
export function mask(value: string): string {
  return value
    .replaceAll(/:\/\/[^/@"\s]+@/g, "://(secret)@")
    .replaceAll(/(rediss?(?:\+\w+)?:\/\/)[^"]*@/gi, "$1(secret)@");
}
