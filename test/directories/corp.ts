/** The entries of an Active Directory domain with Exchange's marks, as LDIF for Samba. */

/** The domain's root. */
export const base = "DC=corp,DC=example";
/** The password of every user that has one. */
export const userPassword = "Nur-Lesen-4711";
/** Contacts beside the others: more than two pages. */
export const many = 2100;
/** Addresses of one group: more than a controller gives at once. */
export const manyAddresses = 4000;

type Value = string | number | Buffer;
type Values = Readonly<Record<string, Value | readonly Value[]>>;

/** An entry below the root. */
export function ldifEntry(dn: string, values: Values): string {
  const lines = Object.entries(values).flatMap(([name, all]) => [all].flat().map((value) => ldifLine(name, value)));
  return [ldifLine("dn", `${dn},${base}`), "changetype: add", ...lines, "", ""].join("\n");
}

function ldifLine(name: string, value: Value): string {
  const text = String(value);
  return Buffer.isBuffer(value) || !/^[!-9=-~][ -~]*$/.test(text)
    ? `${name}:: ${Buffer.from(value as string | Buffer).toString("base64")}`
    : `${name}: ${text}`;
}

const schema = "CN=Schema,CN=Configuration";
/** Private ones; the names are Exchange's. */
const oid = "1.3.6.1.4.1.32473.23";
const [boolean, dn] = [
  { attributeSyntax: "2.5.5.8", oMSyntax: 1, isSingleValued: "TRUE" },
  { attributeSyntax: "2.5.5.1", oMSyntax: 127, isSingleValued: "FALSE" },
];

function attribute(number: number, name: string, syntax: Values): string {
  const names = { objectClass: "attributeSchema", lDAPDisplayName: name, attributeID: `${oid}.1.${number}` };
  return ldifEntry(`CN=${name},${schema}`, { ...names, ...syntax });
}

function objectClass(number: number, name: string): string {
  return ldifEntry(`CN=${name},${schema}`, {
    objectClass: "classSchema",
    lDAPDisplayName: name,
    governsID: `${oid}.2.${number}`,
    objectClassCategory: 1,
    subClassOf: "top",
    auxiliaryClass: "mailRecipient",
    mayContain: "mail",
    // Without one nobody but an administrator sees its entries.
    defaultSecurityDescriptor: "D:(A;;RPLCLORC;;;AU)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)",
    possSuperiors: ["organizationalUnit", "container"],
    rDNAttID: "cn",
  });
}

/** What Exchange adds to the schema, as far as the preset asks for it: attributes first, then what has them. */
export const exchangeSchema: readonly string[] = [
  attribute(1, "msExchRequireAuthToSendTo", boolean) +
    attribute(2, "authOrig", dn) +
    attribute(3, "dLMemSubmitPerms", dn) +
    objectClass(1, "msExchDynamicDistributionList") +
    objectClass(2, "publicFolder"),
  `dn: CN=Mail-Recipient,${schema},${base}
changetype: modify
add: mayContain
mayContain: msExchRequireAuthToSendTo
mayContain: authOrig
mayContain: dLMemSubmitPerms
`,
];

const [enabled, disabled] = [512, 514];

/** In units of 100 ns since 1601. */
function fileTime(ms: number): string {
  return String((BigInt(ms) + 11_644_473_600_000n) * 10_000n);
}

/** A user in OU=Leute. */
function user(name: string, login: string, values: Values): string {
  const who = { sAMAccountName: login, userPrincipalName: `${login}@corp.example`, userAccountControl: enabled };
  return ldifEntry(`CN=${name},OU=Leute`, { objectClass: "user", ...who, ...values });
}

const unicodePwd = Buffer.from(`"${userPassword}"`, "utf16le");

function other(objectClass: string, name: string, values: Values): string {
  return ldifEntry(`CN=${name},OU=Leute`, { objectClass, ...values });
}

const kontor = (name: string): Values => ({
  mail: `${name}@kontor.example`,
  proxyAddresses: `SMTP:${name}@kontor.example`,
});

/** One of each sort. */
export const fewEntries: string = [
  ldifEntry("OU=Leute", { objectClass: "organizationalUnit" }),
  ldifEntry("OU=Lager", { objectClass: "organizationalUnit" }),
  user("goodmailto", "goodmailto", { userAccountControl: enabled + 65536, unicodePwd }),
  user("Abgeschaltet", "off", { userAccountControl: disabled, unicodePwd }),
  user("Abgelaufen", "expired", { ...kontor("expired"), accountExpires: fileTime(Date.UTC(2001)), unicodePwd }),
  user("Gesperrt", "locked", { ...kontor("locked"), lockoutTime: fileTime(Date.now()), unicodePwd }),
  user("Muss ändern", "new", { pwdLastSet: 0, unicodePwd }),
  user("Anna Schmidt", "aschmidt", {
    mail: "anna.schmidt@kontor.example",
    proxyAddresses: [
      "SMTP:Anna.Schmidt@Kontor.Example",
      "smtp:aschmidt@kontor.example",
      "smtp:anna@kontor.test",
      "X500:/o=Kontor/ou=Exchange Administrative Group/cn=Recipients/cn=aschmidt",
      "sip:anna.schmidt@kontor.example",
      "SIP:anna@kontor.example",
      "EUM:4711;phone-context=Kontor.example",
      "smtp:anna@elsewhere.example",
    ],
    unicodePwd,
  }),
  user("Weiß\\, Jürgen", "jweiss", { ...kontor("juergen.weiss") }),
  user("Raum Elbe", "elbe", { ...kontor("elbe"), userAccountControl: disabled }),
  user("Geteilt", "shared", { ...kontor("shared"), userAccountControl: disabled }),
  user("Ohne Post", "without", { unicodePwd }),
  user("Nur mail", "mailonly", { mail: "mailonly@kontor.example" }),
  ldifEntry("CN=Lagerist,OU=Lager", { objectClass: "contact", mail: "lagerist@kontor.example" }),
  user("Wandert", "mover", { ...kontor("mover") }),
  user("Heiratet", "bride", { ...kontor("bride") }),
  user("Geht", "leaver", { ...kontor("leaver") }),
  user("Intern", "internal", { ...kontor("internal"), msExchRequireAuthToSendTo: "TRUE" }),
  user("Chef", "boss", { ...kontor("boss"), authOrig: `CN=Anna Schmidt,OU=Leute,${base}` }),
  other("inetOrgPerson", "Inet", { ...kontor("inet"), sAMAccountName: "inet", sn: "Inet" }),
  other("contact", "Partner", {
    mail: "epartner@elsewhere.example",
    proxyAddresses: ["SMTP:epartner@elsewhere.example", "smtp:epartner@kontor.example"],
  }),
  other("group", "Vertrieb", { ...kontor("vertrieb"), sAMAccountName: "vertrieb", groupType: "-2147483640" }),
  other("contact", "Werk", { proxyAddresses: "smtp:@werk.example" }),
  other("group", "Rechte", { sAMAccountName: "rechte" }),
  other("msExchDynamicDistributionList", "Hamburg", { ...kontor("hamburg") }),
  other("publicFolder", "Bewerbung", { ...kontor("bewerbung") }),
].join("");

/**
 * Three pages of contacts; then a group with all of them and more addresses than come at once. Samba takes them far
 * sooner one after the other than in one transaction.
 */
export const manyEntries: readonly string[] = [
  ldifEntry("OU=Viele", { objectClass: "organizationalUnit" }) + numbers(many).map(contact).join(""),
  ldifEntry("CN=Alle,OU=Viele", {
    objectClass: "group",
    sAMAccountName: "alle",
    proxyAddresses: numbers(manyAddresses).map((number) => `smtp:alle${number}@kontor.example`),
    member: numbers(many).map((number) => `CN=c${number},OU=Viele,${base}`),
  }),
];

function contact(number: number): string {
  const proxyAddresses = `SMTP:c${number}@kontor.example`;
  return ldifEntry(`CN=c${number},OU=Viele`, { objectClass: "contact", proxyAddresses });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

/** Every address of OU=Leute, with what it is. */
export const peopleAddresses: Readonly<Record<string, string>> = {
  "expired@kontor.example": "account",
  "locked@kontor.example": "account",
  "anna.schmidt@kontor.example": "account",
  "aschmidt@kontor.example": "alias",
  "anna@kontor.example": "alias",
  "juergen.weiss@kontor.example": "account",
  "elbe@kontor.example": "account",
  "shared@kontor.example": "account",
  "mover@kontor.example": "account",
  "bride@kontor.example": "account",
  "leaver@kontor.example": "account",
  "internal@kontor.example": "account",
  "boss@kontor.example": "account",
  "inet@kontor.example": "account",
  "epartner@kontor.example": "alias",
  "vertrieb@kontor.example": "group",
  "hamburg@kontor.example": "group",
  "bewerbung@kontor.example": "mailin",
};
