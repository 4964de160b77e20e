/** What the receiver says of itself: /ServiceProviderConfig, /ResourceTypes, /Schemas. RFC 7643 5 to 7. */
import { ScimFault } from "./fault.ts";
import type { JsonObject } from "./json.ts";
import { kindNames, kinds } from "./resource.ts";
import type { ResourceKind } from "./resource.ts";

/** Resources on one page of an answer. */
export const mostResults = 200;

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const coreOf = (name: string): string => `urn:ietf:params:scim:schemas:core:2.0:${name}`;

interface Attribute extends JsonObject {
  readonly name: string;
  readonly type: string;
}

function attribute(name: string, type = "string", more: JsonObject = {}): Attribute {
  return {
    name,
    type,
    multiValued: false,
    description: "",
    required: false,
    caseExact: false,
    mutability: "readWrite",
    returned: "default",
    uniqueness: "none",
    ...more,
  };
}

const valued = (name: string): Attribute =>
  attribute(name, "complex", {
    multiValued: true,
    subAttributes: [attribute("value"), attribute("type"), attribute("display"), attribute("primary", "boolean")],
  });

const attributesOf: Readonly<Record<string, readonly Attribute[]>> = {
  [kinds.User.schema]: [
    attribute("userName", "string", { required: true, uniqueness: "server" }),
    attribute("name", "complex", {
      subAttributes: ["formatted", "familyName", "givenName"].map((name) => attribute(name)),
    }),
    ...["displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone"].map((name) =>
      attribute(name),
    ),
    attribute("active", "boolean"),
    ...["emails", "phoneNumbers", "addresses", "roles"].map((name) => valued(name)),
  ],
  [kinds.Group.schema]: [
    attribute("displayName", "string", { required: true }),
    attribute("mail"),
    attribute("members", "complex", {
      multiValued: true,
      subAttributes: [attribute("value", "string", { caseExact: true }), attribute("display")],
    }),
  ],
  [enterprise]: [
    ...["employeeNumber", "costCenter", "organization", "division", "department"].map((name) => attribute(name)),
    attribute("manager", "complex", { subAttributes: [attribute("value"), attribute("displayName")] }),
    attribute("proxyAddresses", "string", { multiValued: true }),
  ],
};

function schemaOf(id: string, base: string): JsonObject {
  const name = id === enterprise ? "EnterpriseUser" : (id.split(":").at(-1) ?? id);
  return {
    schemas: [coreOf("Schema")],
    id,
    name,
    description: name,
    attributes: [...(attributesOf[id] ?? [])],
    meta: { resourceType: "Schema", location: `${base}/Schemas/${id}` },
  };
}

function typeOf(kind: ResourceKind, base: string): JsonObject {
  const { schema, endpoint } = kinds[kind];
  return {
    schemas: [coreOf("ResourceType")],
    id: kind,
    name: kind,
    endpoint: `/${endpoint}`,
    description: kind,
    schema,
    ...(kind === "User" ? { schemaExtensions: [{ schema: enterprise, required: false }] } : {}),
    meta: { resourceType: "ResourceType", location: `${base}/ResourceTypes/${kind}` },
  };
}

function providerConfig(base: string): JsonObject {
  const no = { supported: false };
  return {
    schemas: [coreOf("ServiceProviderConfig")],
    patch: { supported: true },
    bulk: { ...no, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: mostResults },
    changePassword: no,
    sort: no,
    etag: no,
    authenticationSchemes: [
      { type: "oauthbearertoken", name: "Bearer token", description: "A token of [scim] token_file", primary: true },
    ],
    meta: { resourceType: "ServiceProviderConfig", location: `${base}/ServiceProviderConfig` },
  };
}

/** A page of resources: RFC 7644 3.4.2. @param from the number of the first one, from 1 on */
export function listResponse(total: number, from: number, resources: readonly JsonObject[]): JsonObject {
  return {
    schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
    totalResults: total,
    startIndex: from,
    itemsPerPage: resources.length,
    Resources: [...resources],
  };
}

/** The answer to a GET; undefined: the endpoint is none of these. @throws ScimFault 404 */
export function discover(endpoint: string, id: string, base: string): JsonObject | undefined {
  const all =
    endpoint === "Schemas"
      ? Object.keys(attributesOf).map((one) => schemaOf(one, base))
      : endpoint === "ResourceTypes"
        ? kindNames.map((one) => typeOf(one, base))
        : undefined;
  if (endpoint === "ServiceProviderConfig" && id === "") {
    return providerConfig(base);
  }
  if (all === undefined || id === "") {
    return all === undefined ? undefined : listResponse(all.length, 1, all);
  }
  const found = all.find((one) => one["id"] === id);
  if (found === undefined) {
    throw new ScimFault(404, `no ${endpoint} "${id.slice(0, 200)}"`);
  }
  return found;
}
