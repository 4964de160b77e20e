/**
 * What stands for the same in the schemas that directories share, for entries that come without one (LDIF): other names
 * and OIDs of attributes, and the superclasses of object classes. RFC 4519, RFC 4524, RFC 2798.
 */

/** In lower case; the OID is the last word. Two names of one line are one attribute. */
const attributes = `
objectclass 2.5.4.0
cn commonname 2.5.4.3
sn surname 2.5.4.4
serialnumber 2.5.4.5
c countryname 2.5.4.6
l localityname 2.5.4.7
st stateorprovincename 2.5.4.8
street 2.5.4.9
o organizationname 2.5.4.10
ou organizationalunitname 2.5.4.11
title 2.5.4.12
description 2.5.4.13
businesscategory 2.5.4.15
telephonenumber 2.5.4.20
member 2.5.4.31
owner 2.5.4.32
roleoccupant 2.5.4.33
seealso 2.5.4.34
usercertificate 2.5.4.36
name 2.5.4.41
givenname gn 2.5.4.42
uniquemember 2.5.4.50
uid userid 0.9.2342.19200300.100.1.1
mail rfc822mailbox 0.9.2342.19200300.100.1.3
manager 0.9.2342.19200300.100.1.10
dc domaincomponent 0.9.2342.19200300.100.1.25
departmentnumber 2.16.840.1.113730.3.1.2
employeenumber 2.16.840.1.113730.3.1.3
employeetype 2.16.840.1.113730.3.1.4
displayname 2.16.840.1.113730.3.1.241
mailhost 2.16.840.1.113730.3.1.18
mailroutingaddress 2.16.840.1.113730.3.1.47
rfc822mailmember 1.3.6.1.4.1.42.2.27.2.1.15
memberof 1.2.840.113556.1.2.102
proxyaddresses 1.2.840.113556.1.2.210
useraccountcontrol 1.2.840.113556.1.4.8
samaccountname 1.2.840.113556.1.4.221
userprincipalname 1.2.840.113556.1.4.656
objectcategory 1.2.840.113556.1.4.782
`
  .trim()
  .split("\n")
  .map((line) => line.split(" "));

const known = new Map<string, readonly string[]>(attributes.flatMap((names) => names.map((name) => [name, names])));
// One OID, and two names in the schemas of Netscape and of OpenLDAP.
known.set("2.16.840.1.113730.3.1.13", ["mailalternateaddress", "maillocaladdress"]);

/** Attributes whose values are DNs. */
export const dnAttributes: ReadonlySet<string> = new Set(
  "member memberof uniquemember manager secretary owner roleoccupant seealso managedby authorig dlmemsubmitperms distinguishedname entrydn aliasedobjectname".split(
    " ",
  ),
);

const superclasses: Readonly<Record<string, string>> = {
  inetorgperson: "organizationalperson",
  organizationalperson: "person",
  residentialperson: "person",
  dominoperson: "inetorgperson",
  dominogroup: "groupofnames",
  user: "organizationalperson",
  contact: "organizationalperson",
};

/** Every name of an attribute, in lower case; undefined for an OID that is not known. */
export function namesOf(attribute: string): readonly string[] | undefined {
  const name = attribute.toLowerCase();
  return known.get(name) ?? (/^\d/.test(name) ? undefined : [name]);
}

/** The first of the names of an attribute, as the form in which they are compared. */
export function canonicalName(attribute: string): string {
  const name = attribute.toLowerCase();
  return known.get(name)?.[0] ?? name;
}

/** A class in lower case and what it is derived from. */
export function classChain(name: string): readonly string[] {
  const chain = [name];
  for (let next = superclasses[name]; next !== undefined; next = superclasses[next]) {
    chain.push(next);
  }
  return [...chain, "top"];
}
