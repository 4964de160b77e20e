/** Settings of earlier versions, and what to write instead. */

/** By their path in the file without the numbers of entries, as "listener.hooks"; a removed section needs one line. */
export const replaced: Readonly<Record<string, string>> = {
  hooks: 'is now one list for all hooks: write run = ["verybadrcptto", "badmailfrom", …] in [checks]',
  "listener.hooks": 'is now `checks = ["authrequired", …]` of this [[listener]], one list for all hooks',
  "smtp.dns_servers": "is now `servers` in [dns]",
  "limits.harvest_store": "is now `store` in [state]",
  "checks.rblspp.servers": "is now `servers` in [dns]",
  "checks.rblspp.timeout": "is now `timeout` in [dns]",
  "checks.rblspp.cache_size": "is now `cache_size` in [dns]",
  "checks.rblspp.negative_ttl": "is gone: an answer is kept for as long as the list's zone says. Remove it",
  "checks.rblspp.failure_ttl": "is gone: a failed question is asked again after 10 s. Remove it",
};
