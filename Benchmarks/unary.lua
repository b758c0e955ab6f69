-- The unary load: one POST of about 1 KB with a client key. Arguments after `--`: key, model, size of the body.
local body

function init(arguments)
  local key, model, size = arguments[1], arguments[2], tonumber(arguments[3])
  local head = '{"model":"' .. model .. '","temperature":0.2,"max_tokens":256,"messages":['
    .. '{"role":"system","content":"You watch the anchors."},{"role":"user","content":"'
  local tail = '"}]}'
  local room = size - #head - #tail
  local sentence = "Which anchor holds when the wind turns north and the tide runs out? "
  local text = string.rep(sentence, math.floor(room / #sentence) + 1):sub(1, room)
  wrk.method = "POST"
  wrk.body = head .. text .. tail
  wrk.headers["Authorization"] = "Bearer " .. key
  wrk.headers["Content-Type"] = "application/json"
end

-- One line of JSON, last on standard output. Latencies are in microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%.0f,"p99":%.0f,"max":%.0f,'
      .. '"status_errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
