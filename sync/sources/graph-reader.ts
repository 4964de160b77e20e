/** What all questions to Microsoft Graph share: what is asked for, where, and the links and errors in its answers. */
import type { Rules } from "../convert/rules.ts";
import { SourceFault } from "../source.ts";
import type { Ceilings } from "./page-guard.ts";
import { type Answer, type JsonObject, objectOf, textOf } from "./web-answer.ts";
import { Refusal, type Said, type WebApi } from "./web-api.ts";

/** One kind of what the tenant has. */
export interface Collection {
  readonly name: "users" | "groups" | "contacts";
  /** What its entries are called. */
  readonly entryClass: string;
  readonly select: string;
  /** Of the application, for messages. */
  readonly permission: string;
}

/** What is read, in this order. */
export const collections: readonly Collection[] = [
  {
    name: "users",
    entryClass: "user",
    select: "id,userPrincipalName,mail,proxyAddresses,assignedLicenses",
    permission: "User.Read.All",
  },
  {
    name: "groups",
    entryClass: "group",
    select: "id,displayName,mail,proxyAddresses",
    permission: "GroupMember.Read.All",
  },
  {
    name: "contacts",
    entryClass: "orgContact",
    select: "id,displayName,mail,proxyAddresses",
    permission: "OrgContact.Read.All",
  },
];

/** Whether it is the tenant's contacts that this application may not read: a list without them is a list. */
export function isWithheld(fault: unknown, { name }: Collection): boolean {
  return name === "contacts" && fault instanceof Refusal && fault.code === 403;
}

/** What one reading has. */
export interface Reader {
  readonly api: WebApi;
  readonly base: URL;
  readonly rules: Rules;
  readonly limits: Ceilings;
  readonly pageSize: number;
}

/** An absolute place below the base. */
export function at({ base }: Reader, path: string): string {
  return `${base.href.replace(/\/$/, "")}/v1.0/${path}`;
}

/** @throws SourceFault "format" if it is no URL */
export function linkIn(body: JsonObject, property: string, name: string): string | undefined {
  const link = body[property];
  if (link === undefined || link === null) {
    return undefined;
  }
  if (typeof link !== "string" || !/^https?:\/\//i.test(link) || !URL.canParse(link)) {
    throw new SourceFault("format", `${name}: ${property} is not a URL`);
  }
  return link;
}

/** Graph's errors are objects; those of the sign-in are words. */
export function saidBy({ body }: Answer): Said {
  const error = objectOf(body["error"]);
  return error === undefined
    ? { word: textOf(body["error"]), text: textOf(body["error_description"]) }
    : { word: textOf(error["code"]), text: textOf(error["message"]) };
}
