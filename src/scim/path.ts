/** Where an attribute is: `name.familyName`, `urn:…:2.0:User:department`. RFC 7644 3.10. */

/** Attributes of these are those of the resource itself. */
const core = /^urn:ietf:params:scim:schemas:core:2\.0:(?:User|Group)$/i;
/** A schema as a whole, which is an attribute of the resource. */
const schema = /:\d+\.\d+:\w+$/;

/** The names that lead there, the schema of an extension first. */
export function attributePath(text: string): readonly string[] {
  if (/^urn:/i.test(text) && (schema.test(text) || core.test(text))) {
    return core.test(text) ? [] : [text];
  }
  const at = text.lastIndexOf(":");
  if (at < 0) {
    return text.split(".");
  }
  const prefix = text.slice(0, at);
  const names = text.slice(at + 1).split(".");
  return core.test(prefix) ? names : [prefix, ...names];
}
