/** Who is known at the soak's site. */
export const recipients: readonly string[] = ["anna", "bert", "carl", "dora"].map((user) => `${user}@kontor.example`);
