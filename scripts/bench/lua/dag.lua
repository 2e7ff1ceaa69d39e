-- The peer of row 4.2: the ten steps of src/rules/examples/dag.rs as plain functions that call each other.
-- No sandbox, no budget, no graph, no queue, nothing that could be reloaded: what the bare interpreter needs for
-- the same answers. Prints events a second, the median of five runs. Runs in Lua 5.4 and in LuaJIT.

local EVENTS, RUNS = 200000, 5
local hosts = { [0] = "a.example", "b.example", "c.example", "d.example" }
local paths = { [0] = "/", "/in", "/out", "/status", "/x" }

local function tumbling(size, key, fold, close)
  local window = { ends = size, groups = {} }
  function window.add(event)
    local k = key(event)
    window.groups[k] = fold(window.groups[k], event)
  end
  function window.at(now)
    if now < window.ends then
      return
    end
    local groups = window.groups
    window.groups, window.ends = {}, (math.floor(now / size) + 1) * size
    for k, sum in pairs(groups) do
      close(k, sum)
    end
  end
  return window
end

local function run()
  local reports, count, sum = 0, 0, 0
  local lefts, rights = {}, {}

  local function report()
    reports = reports + 1
  end
  local function shape(e)
    report({ text = string.format("%d %.1f", e.count, e.mean) })
  end
  local function total(e)
    count, sum = count + 1, sum + e.sum
    shape({ count = count, mean = sum / count })
  end
  local function match(left, right)
    total({ host = left.key, path = right.key, sum = left.sum + right.sum })
  end
  local per_host = tumbling(1, function(e) return e.host end, function(s, e) return (s or 0) + e.rate end,
    function(key, s)
      local left = { key = key, sum = s }
      lefts[#lefts + 1] = left
      for i = 1, #rights do
        match(left, rights[i])
      end
    end)
  local per_path = tumbling(1, function(e) return e.path end, function(s, e) return (s or 0) + e.kib end,
    function(key, s)
      local right = { key = key, sum = s }
      rights[#rights + 1] = right
      for i = 1, #lefts do
        match(lefts[i], right)
      end
    end)
  local function tag(e)
    per_host.add({ host = e.host, rate = e.rate, class = e.rate > 100 and "fast" or "slow" })
  end
  local function rate(e)
    tag({ host = e.host, path = e.path, rate = e.size / e.took, size = e.size })
  end
  local function size(e)
    per_path.add({ path = e.path, kib = e.size / 1024 })
  end
  local function filter(e)
    if e.status == 200 and e.size > 100 and e.host ~= "none" then
      rate(e)
      size(e)
    end
  end

  local from = os.clock()
  for id = 0, EVENTS - 1 do
    if id % 200 == 0 then
      local now = id * 50e-6
      lefts, rights = {}, {}
      per_host.at(now)
      per_path.at(now)
    end
    filter({
      host = hosts[id % 4],
      path = paths[id % 5],
      status = id % 10 == 9 and 500 or 200,
      size = 200 + id % 4000,
      took = 0.5 + id % 7,
      pid = 1000 + id % 100,
      ok = id % 10 ~= 9,
      method = "GET",
    })
  end
  local spent = os.clock() - from
  assert(reports >= 9 * 20, "only " .. reports .. " reports")
  return EVENTS / spent
end

local rates = {}
for i = 1, RUNS do
  rates[i] = run()
end
table.sort(rates)
print(string.format("%.0f", rates[math.floor(RUNS / 2) + 1]))
