-- Asks a [[lookup]] with protocol = "http" about the recipients of each message. In /etc/rspamd/rspamd.local.lua:
--   dofile("/opt/goodmailto/config/clients/rspamd.lua").register { url = "http://127.0.0.1:10043", token = "…" }
-- A message of which no recipient is taken is rejected, or deferred if one is to be tried again; one with unknown
-- recipients beside others gets the symbol GOODMAILTO_UNKNOWN. If nobody answers, the message goes on.
local rspamd_http = require "rspamd_http"
local rspamd_logger = require "rspamd_logger"
local ucl = require "ucl"

local symbol = 'GOODMAILTO_UNKNOWN'

-- The question about a message; nothing without recipients.
local function question(task)
  local recipients = {}
  for _, recipient in ipairs(task:get_recipients('smtp') or {}) do
    recipients[#recipients + 1] = recipient.addr
  end
  if #recipients == 0 then return nil end
  local from = task:get_from('smtp')
  local ip = task:get_from_ip()
  return ucl.to_format({
    recipients = recipients,
    sender = from and from[1] and from[1].addr or '',
    client = ip and ip:is_valid() and ip:to_string() or nil,
  }, 'json-compact')
end

-- The verdict on the message by those on its recipients; all of one kind, or nothing is decided.
local function decide(task, verdicts)
  local taken, later, refused = 0, nil, {}
  for _, one in ipairs(verdicts) do
    local reply = tostring(one.reply)
    if one.accepted or one.verdict == 'foreign' then
      taken = taken + 1
    elseif reply:sub(1, 1) == '4' then
      later = reply
    else
      refused[#refused + 1] = one
    end
  end
  if taken == 0 and later then
    task:set_pre_result('soft reject', later:sub(5), 'goodmailto')
  elseif taken == 0 and #refused > 0 then
    task:set_pre_result('reject', tostring(refused[1].reply):sub(5), 'goodmailto')
  elseif #refused > 0 then
    task:insert_result(symbol, 1.0, tostring(#refused))
  end
end

local function register(options)
  local function ask(task)
    local body = question(task)
    if not body then return end
    rspamd_http.request({
      task = task,
      url = (options.url or 'http://127.0.0.1:10043') .. '/v1/recipients',
      body = body,
      mime_type = 'application/json',
      headers = options.token and { Authorization = 'Bearer ' .. options.token } or {},
      timeout = 5.0,
      callback = function(failure, code, answer)
        local parser = ucl.parser()
        if failure or code ~= 200 or not parser:parse_string(tostring(answer)) then
          rspamd_logger.errx(task, 'goodmailto does not answer: %s', failure or code)
          return
        end
        decide(task, parser:get_object().recipients or {})
      end,
    })
  end
  rspamd_config:register_symbol({ name = symbol, type = 'prefilter', priority = 10, score = 0.0, callback = ask })
end

return { register = register }
