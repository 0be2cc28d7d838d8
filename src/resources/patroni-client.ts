import type { Json } from '../json.ts';
import { Secret } from '../secret.ts';
import type { ScriptStep } from '../steps/step.ts';

/** The account of Patroni's REST interface. */
export const REST_USER = 'pgctl';

/**
 * Speaks with an instance's Patroni and Postgres on their own host: what takes more than a line of shell. One
 * program with a few commands; its input, with the password of the REST interface, comes over stdin.
 *
 * - `settle` brings a running instance in line with its files: makes Patroni read its configuration now, waits
 *   until the files of Postgres say what is wanted, looks for lines that Postgres refuses, reloads, and
 *   restarts where a value needs it. Patroni's own word for a pending restart lags by up to a loop, so only
 *   the running values are believed.
 * - `hand_over` gives the primary's role to the best replica, where this instance has it.
 * - `gather` has Patroni tell etcd now how each member is, which it does at its next loop otherwise, and waits
 *   until all are said to run.
 * - `configure` changes Patroni's cluster configuration.
 * - `forget` has every member drop the slot of a member that left: Patroni keeps it for half an hour otherwise
 *   and makes it again where it was dropped by SQL.
 */
const PROGRAM = `
import base64, http.client, json, os, re, select, subprocess, sys, time, urllib.error, urllib.request

command, INPUT = sys.argv[1], json.load(sys.stdin)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PATIENCE = 60
ANSWER_PATIENCE = 86400
HEIR_PATIENCE = 15
LOOKS = 4


def fail(*lines):
    for line in lines:
        print(line, file=sys.stderr)
    sys.exit(1)


def say(text):
    """What is being waited for, for those who wait; see renderSteps."""
    if "PGCTL_SAYS" in os.environ:
        print("\\n%s %s" % (os.environ["PGCTL_SAYS"], text), flush=True)


def rest(method, path, body=None, timeout=10, at=None):
    token = base64.b64encode(("%s:%s" % (INPUT["user"], INPUT["password"])).encode()).decode()
    request = urllib.request.Request(
        "http://%s%s" % (at or INPUT["rest"], path),
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Basic " + token},
        method=method,
    )
    try:
        with OPENER.open(request, timeout=timeout) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except http.client.HTTPException as error:
        raise OSError("it broke off its answer: %r" % error)


def patiently(method, path, body=None):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return rest(method, path, body)
        except OSError as error:
            if time.monotonic() > end:
                fail("Patroni does not answer on %s: %s" % (INPUT["rest"], error))
            time.sleep(0.5)


def wake():
    """Starts Patroni's next loop: a PATCH does, even of something that is not there, but not an empty one."""
    patiently("PATCH", "/config", {"pgctl": None})


def asked(path):
    """Asks Patroni for what takes long; returns how to read its answer, which is None until there is one. It comes
    up to two seconds late, for Patroni looks once a second. Somebody has to wait for it all the same: Patroni's log
    would tell of a connection that broke. So a process of its own does; it ends with Patroni's answer, or with Patroni."""
    answers, tell = os.pipe()
    if os.fork() == 0:
        try:
            os.setsid()
            for fd in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), fd)
            os.close(answers)
            try:
                status, text = rest("POST", path, {}, ANSWER_PATIENCE)
            except OSError as error:
                status, text = 599, "Patroni did not answer: %s" % error
            os.write(tell, json.dumps([status, text[:2000]]).encode())
        finally:
            os._exit(0)
    os.close(tell)
    said = []

    def answer():
        if not said and select.select([answers], [], [], 0)[0]:
            said.append(json.loads(os.read(answers, 65536) or b'[599, "nobody waited for it"]'))
        return said[0] if said else None

    return answer


def words():
    """The end of what Patroni and Postgres said."""
    log = os.path.join(INPUT["dir"], "patroni.log")
    command = ["tail", "-n", "12", log] if os.path.exists(log) else [
        "journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=12", "--unit=" + INPUT["unit"]]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def until(what, ready):
    end, said = time.monotonic() + PATIENCE, False
    while True:
        left = ready()
        if not left:
            return
        if not said:
            say("waiting for " + what)
            said = True
        if time.monotonic() > end:
            fail("waited %d s for %s:" % (PATIENCE, what), *left)
        time.sleep(0.3)


def data(name):
    return os.path.join(INPUT["dir"], "data", name)


def running_port():
    with open(data("postmaster.pid")) as f:
        return f.read().split("\\n")[3].strip()


def sql(text):
    run = subprocess.run(
        [os.path.join(INPUT["bin_dir"], "psql"), "-XAtqF", "\\x1f", "-R", "\\x1e", "-h", INPUT["socket_dir"],
         "-p", running_port(), "-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=text, capture_output=True, text=True, env={**os.environ, "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "pgctl"},
    )
    if run.returncode != 0:
        raise OSError(run.stderr.strip())
    return [row.split("\\x1f") for row in run.stdout.rstrip("\\n").split("\\x1e") if row]


def when_up(text):
    end, said = time.monotonic() + PATIENCE, False
    while True:
        try:
            return sql(text)
        except (OSError, IndexError) as error:
            if not said:
                say("waiting for Postgres to answer")
                said = True
            if time.monotonic() > end:
                fail("Postgres does not answer:", str(error))
            time.sleep(0.3)


def lines_of(name):
    with open(data(name)) as f:
        return [line.strip() for line in f if line.strip() and not line.startswith("#")]


def plain(value):
    """Patroni leaves a boolean as it wrote it first, and Postgres takes it either way."""
    return {"True": "on", "False": "off"}.get(value, value)


def unwritten():
    """What the files of Postgres do not say yet."""
    said = dict(when_up("select name, setting from pg_file_settings order by seqno;"))
    left = ["%s is not %s yet; Patroni leaves out what it takes for invalid" % (name, value)
            for name, value in INPUT["parameters"].items() if plain(said.get(name)) != value]
    left += ["%s is still set" % name for name in INPUT["dropped"] if name in said]
    for name, key in (("pg_hba.conf", "pg_hba"), ("pg_ident.conf", "pg_ident")):
        if lines_of(name) != [line.strip() for line in INPUT[key] if line.strip() and not line.startswith("#")]:
            left.append("%s is not as wanted yet" % name)
    return left


def refused():
    """Lines of the files that Postgres does not take."""
    found = [["%s line %s: %s = %s: %s" % (file, line, name, value, error)] for file, line, name, value, error in sql(
        "select f.sourcefile, f.sourceline, f.name, f.setting, f.error from pg_file_settings f "
        "left join pg_settings s on lower(s.name) = lower(f.name) where f.error is not null "
        "and not (s.context = 'postmaster' and f.error = 'setting could not be applied');")]
    views = [("pg_hba.conf", "pg_hba_file_rules")]
    if int(sql("show server_version_num;")[0][0]) >= 150000:
        views.append(("pg_ident.conf", "pg_ident_file_mappings"))
    for file, view in views:
        for line, error in sql("select line_number, error from %s where error is not null;" % view):
            with open(data(file)) as f:
                text = f.read().split("\\n")[int(line) - 1]
            found.append(["%s line %s: %s: %s" % (data(file), line, text, error)])
    return [line for lines in found for line in lines]


def refused_for_good():
    """The same, looked at again: while Patroni writes a file, which it does twice in a row, half of it is missing."""
    for look in range(LOOKS):
        try:
            bad = refused()
        except IndexError:
            bad = ["a file was being written at every look"]
        if not bad:
            break
        time.sleep(0.5)
    return bad


def differing():
    """Values that the running server does not have, though a reload has been."""
    rows = dict(when_up("select name, current_setting(name) from pg_settings where name in (%s);"
                        % ",".join("'%s'" % name for name in INPUT["exact"])))
    left = ["%s is %s, not %s" % (name, rows.get(name), value)
            for name, value in INPUT["exact"].items() if rows.get(name) != value]
    left += ["%s has a new value that only a restart brings" % row[0]
             for row in when_up("select name from pg_settings where pending_restart;")]
    if running_port() != str(INPUT["port"]):
        left.append("port is %s, not %s" % (running_port(), INPUT["port"]))
    return left


def needs_restart():
    """Looked at again, for what was read of a file that was half written comes with the next reload."""
    if not differing():
        return False
    time.sleep(1)
    return bool(differing())


def settle():
    when_up("select 1;")
    patiently("POST", "/reload")
    wake()
    until("the configuration to be written", unwritten)
    bad = refused_for_good()
    if bad:
        fail("Postgres refuses:", *bad)
    before = when_up("select pg_conf_load_time();")[0][0]
    sql("select pg_reload_conf();")
    until("the reload", lambda: [] if when_up("select pg_conf_load_time();")[0][0] != before else ["it did not happen yet"])
    if INPUT["restart"] or needs_restart():
        restart()
        until("the new values", differing)


def restart():
    """Done when a new postmaster serves. As long as Patroni has not answered, it is at it."""
    started, answer, end = when_up("select pg_postmaster_start_time();")[0][0], asked("/restart"), None
    say("restarting Postgres")
    while True:
        try:
            if sql("select pg_postmaster_start_time();")[0][0] != started:
                return
        except (OSError, IndexError):
            pass  # It is down at the moment.
        said = answer()
        if said and said[0] >= 400:
            fail("the restart failed: %s (%s)" % (said[1].strip(), said[0]), words())
        if said and end is None:
            end = time.monotonic() + PATIENCE
        if end is not None and time.monotonic() > end:
            fail("Patroni says that it restarted Postgres, and no new postmaster answers:", words())
        time.sleep(0.1)


def members_said(reply):
    """What Patroni says of the cluster; None while it cannot ask etcd, as right after it got new certificates for it."""
    status, said = reply
    try:
        return json.loads(said)["members"] if status < 400 else None
    except (ValueError, KeyError):
        return None


def cluster():
    return members_said(patiently("GET", "/cluster")) or []


def leader(members):
    return next((m["name"] for m in members if m["role"] in ("leader", "master", "primary")), None)


def runs(member):
    return member.get("state") in ("running", "streaming")


def wake_members(members):
    """Has those that are not said to run tell etcd how they are."""
    for member in members:
        if not runs(member) and "api_url" in member:
            try:
                rest("PATCH", "/config", {"pgctl": None}, at=member["api_url"].split("/")[2])
            except OSError:
                pass  # It may be down.


def hand_over():
    end = time.monotonic() + HEIR_PATIENCE
    while True:
        try:
            members = members_said(rest("GET", "/cluster"))
        except OSError as error:
            if isinstance(getattr(error, "reason", error), ConnectionRefusedError) or time.monotonic() > end:
                return  # A Patroni that is not there leads nothing.
            members = None
        if members is None:
            if time.monotonic() > end:
                fail("Patroni on %s does not say who its cluster's members are" % INPUT["rest"])
            time.sleep(0.3)
            continue
        if leader(members) != INPUT["name"]:
            return
        good = [m for m in members if m["name"] != INPUT["name"] and runs(m)
                and m["role"] in ("replica", "sync_standby") and (INPUT["to"] is None or m["name"] in INPUT["to"])]
        # One that was restarted just now serves before its member key says so.
        soon = [m for m in members if m["name"] != INPUT["name"] and m["state"] in ("starting", "restarting")]
        if good or not soon or time.monotonic() > end:
            break
        wake_members(soon)
        time.sleep(0.3)
    if not good:
        if INPUT["to"] is None:
            return
        fail("no replica of %s is up, so there is nobody to hand the primary's role to" % INPUT["name"])
    lag = lambda m: m.get("lag") if isinstance(m.get("lag"), int) else 2 ** 62
    heir = min(good, key=lag)["name"]
    say("handing over to " + heir)
    status, said = rest("POST", "/switchover", {"leader": INPUT["name"], "candidate": heir}, 300)
    if status >= 400:
        fail("handing over to %s failed: %s (%s)" % (heir, said.strip(), status))
    until("%s to take over" % heir, lambda: [] if leader(cluster()) not in (None, INPUT["name"]) else ["there is no new primary yet"])
    print("handed over to %s" % heir)


def gather():
    def untold():
        members = {m["name"]: m for m in cluster()}
        wake_members([members[name] for name in INPUT["members"] if name in members])
        return ["the member key of %s says %s" % (name, members.get(name, {}).get("state"))
                for name in INPUT["members"] if not runs(members.get(name, {}))]

    until("Patroni to tell etcd", untold)


def patch(config):
    """Changes the cluster configuration; another change at the same moment is no refusal."""
    end = time.monotonic() + PATIENCE
    while True:
        status, said = patiently("PATCH", "/config", config)
        if status != 409 or time.monotonic() > end:
            break
        time.sleep(0.2)
    if status >= 400:
        fail("Patroni refuses its configuration (%s): %s" % (status, " ".join(re.sub("<[^>]*>", " ", said).split())))


def configure():
    patch(INPUT["config"])
    wake_members(cluster())  # New ones serve by now, and may not have said so.


def forget():
    # A dead host's connection looks alive for a minute, and keeps its slot.
    query = ("select slot_name, active_pid is not null and pg_terminate_backend(active_pid) "
             "from pg_replication_slots where slot_name = '%s';" % INPUT["slot"])

    def left():
        # Each time, for another member may be forgotten at the same time; and it starts Patroni's next loop.
        patch({"member_slots_ttl": 0})
        return ["the slot %s is still there" % row[0] for row in when_up(query)]

    try:
        until("a slot to go", left)
    finally:
        patch({"member_slots_ttl": None})


{"settle": settle, "hand_over": hand_over, "gather": gather, "configure": configure, "forget": forget}[command]()
`.trimStart();

/** Where an instance's Patroni and Postgres are, for the client. */
export interface PatroniClientTarget {
  readonly python: string;
  readonly dir: string;
  readonly unit: string;
  readonly bin_dir: string;
  readonly socket_dir: string;
  /** Member's name in Patroni. */
  readonly member: string;
  /** `address:port` of its REST interface. */
  readonly rest: string;
}

/** A step that runs one command of the client. @param password of the REST interface */
export function patroniClientStep(given: {
  readonly name: string;
  readonly command: 'settle' | 'hand_over' | 'gather' | 'configure' | 'forget';
  readonly target: PatroniClientTarget;
  readonly password: Secret;
  readonly input: Readonly<Record<string, Json>>;
}): ScriptStep {
  const { target, password } = given;
  const { dir, unit, bin_dir, socket_dir, member, rest } = target;
  const input = {
    ...{ dir, unit, bin_dir, socket_dir, rest, name: member, user: REST_USER, password: password.reveal() },
    ...given.input,
  };
  return {
    kind: 'script',
    name: given.name,
    script: 'exec "$1" -c "$2" "$3"',
    args: [target.python, PROGRAM, given.command],
    stdin: new Secret(JSON.stringify(input)),
    account: 'admin',
  };
}
