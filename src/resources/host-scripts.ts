/**
 * The programs that stand in an instance's `bin` directory and run on the host without pgctl: at boot, and
 * when Patroni copies a replica. They are constants; what differs between instances is in prepare.json.
 */

/**
 * `prepare guard` asks etcd whether this instance may still run. It waits while etcd is silent and says no
 * only on a definite no: an answer that the key is not there, or is another database's, or, where the instance
 * has a user in etcd, that there is no such user.
 *
 * `prepare clean` removes what an initdb that was cut short left behind. Patroni would take the torso for a
 * data directory and stay broken for good; and its `/initialize` key, empty until initdb is done, would keep
 * every member waiting. Only the bootstrapping instance runs initdb (replicas are built beside and renamed),
 * and only as long as the mark `initialized` was never set: a directory that once was whole is never touched.
 *
 * `prepare start` is the one and then the other, in one process: to load Python and its HTTP client takes longer than
 * what is asked with them. Units that were installed before it was there call the two. What nobody foresaw is no refusal.
 */
export const PREPARE = `
import base64, json, os, sys, time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(HERE, "prepare.json")) as f:
    CONF = json.load(f)


# What speaks to etcd is loaded by who does: that takes longer than all the rest.
def opener():
    import urllib.request

    # Anew each time: the certificates may be replaced while this waits.
    handlers = [urllib.request.ProxyHandler({})]
    tls = CONF.get("tls")
    if tls:
        import ssl

        context = ssl.create_default_context(cafile=tls["cacert"])
        # Newer Pythons want more of a CA than Patroni and pgctl do; who those reach must not be refused here.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if "cert" in tls:
            context.load_cert_chain(tls["cert"], tls["key"])
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def b64(text):
    return base64.b64encode(text.encode()).decode()


class LockedOut(Exception):
    pass


def post(url, body, token=None):
    import urllib.request

    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = token
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with opener().open(request, timeout=3) as reply:
        return json.load(reply)


# For systemd: this condition was not looked at, it failed. What is less is a no, and the unit stays as it is.
FAILED = 255

INVALID_ARGUMENT = 3
FAILED_PRECONDITION = 9


def token_of(endpoint):
    login = CONF.get("etcd")
    if not login:
        return None
    import urllib.error

    try:
        return post(endpoint + "/v3/auth/authenticate", login)["token"]
    except urllib.error.HTTPError as refusal:
        said = refusal.read().decode(errors="replace")
        try:
            code = json.loads(said).get("code")
        except ValueError:
            # Not etcd's own words but its gateway's, or a proxy's: nothing that says anything of the user.
            raise OSError("%s: %s" % (refusal, said.strip())) from None
        if code == INVALID_ARGUMENT:
            raise LockedOut() from None
        if code == FAILED_PRECONDITION:
            return None  # etcd has no users any more
        raise


def call(path, body):
    error = None
    for endpoint in CONF["endpoints"]:
        try:
            return post(endpoint + path, body, token_of(endpoint))
        except (OSError, ValueError) as caught:
            error = caught
    raise OSError("no etcd of %s answers: %s" % (", ".join(CONF["endpoints"]), error))


def patiently(path, body):
    told = False
    while True:
        try:
            return call(path, body)
        except OSError as error:
            if not told:
                print("pgctl: waiting for etcd: %s" % error, file=sys.stderr, flush=True)
                told = True
            time.sleep(2)


def get(key):
    found = patiently("/v3/kv/range", {"key": b64(key)}).get("kvs") or []
    return found[0] if found else None


def read(found):
    try:
        value = json.loads(base64.b64decode(found.get("value", "")))
        return value if isinstance(value, dict) else {}
    except ValueError:
        return {}


def readable(found):
    return found is None or type(read(found).get("allowed")) is bool


def guard():
    told = False
    try:
        found = get(CONF["guard_key"])
        # What nobody can read says neither yes nor no: somebody may put it back.
        while not readable(found):
            if not told:
                print("pgctl: waiting: the value of %s in etcd is not what pgctl wrote" % CONF["guard_key"], file=sys.stderr, flush=True)
                told = True
            time.sleep(2)
            found = get(CONF["guard_key"])
    except LockedOut:
        print(
            "pgctl: %s does not start: etcd does not know its user %s (it was removed from its database)"
            % (CONF["instance_id"], CONF["etcd"]["name"]),
            file=sys.stderr,
        )
        return 1
    value = read(found) if found else None
    if value and value.get("allowed") is True and value.get("database_uid") == CONF["database_uid"]:
        return 0
    why = "is not in etcd" if value is None else "says no"
    print(
        "pgctl: %s does not start: its guard key %s %s (it was removed from its database)"
        % (CONF["instance_id"], CONF["guard_key"], why),
        file=sys.stderr,
    )
    return 1


def clean():
    if not CONF["bootstrap"] or os.path.exists(os.path.join(HERE, "initialized")):
        return 0
    data = os.path.join(HERE, "data")
    if os.path.isdir(data):
        import shutil

        print("pgctl: removing what an unfinished initdb left in %s" % data, file=sys.stderr)
        shutil.rmtree(data)
    key = CONF["scope_prefix"] + "initialize"
    found = get(key)
    if found and not found.get("value") and get(CONF["scope_prefix"] + "leader") is None:
        patiently(
            "/v3/kv/txn",
            {
                "compare": [{"key": b64(key), "target": "MOD", "result": "EQUAL", "mod_revision": found["mod_revision"]}],
                "success": [{"request_delete_range": {"key": b64(key)}}],
            },
        )
    return 0


def start():
    try:
        return guard() or clean()
    except Exception as error:
        print(
            "pgctl: %s cannot be started: %s: %s; it is tried again, and \`pgctl db update --force-update\` writes its files anew"
            % (CONF["instance_id"], type(error).__name__, error),
            file=sys.stderr,
        )
        return FAILED


sys.exit({"start": start, "guard": guard, "clean": clean}[sys.argv[1]]())
`.trimStart();

/** Marks the first primary's data directory as whole; Patroni runs it once initdb's cluster is up. */
export const POST_BOOTSTRAP = `#!/bin/sh
set -eu
cd "$(dirname "$0")/.."
: > initialized
sync initialized
`;

/**
 * Copies a replica beside its place and renames it when it is whole, so that a copy that is killed half-way
 * is never taken for a data directory. The checkpoint is fast: a spread one makes a small create wait minutes.
 */
export const REPLICA = `#!/bin/sh
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
for word; do
  case $word in
    --connstring=*) connection=\${word#--connstring=} ;;
    --datadir=*) data=\${word#--datadir=} ;;
  esac
done
bin=$(cat "$here/bin/postgres-bin-dir")
rm -rf "$here/data.new"
# For who waits: how often it was begun. Where that cannot be written there is no room for a copy either.
{ read -r attempt < "$here/data.attempt"; } 2>/dev/null || attempt=0
echo "$((attempt + 1))" > "$here/data.attempt" || :
ask() { PGCONNECT_TIMEOUT=5 PGDATABASE=postgres "$bin/psql" -XAtq --no-password --dbname="$connection" -c "$1" 2>/dev/null; }
# The slot that the primary's Patroni makes at its next loop, ten seconds later at worst: until then the copy would not
# stream, and what is written meanwhile would be kept by nobody. Where the primary does not say, it is copied all the same.
slot=$(printf %.63s "\${here##*.}" | tr - _)
ask "select pg_create_physical_replication_slot('$slot', true) where not pg_is_in_recovery()
  and not exists (select from pg_replication_slots where slot_name = '$slot')" > /dev/null || :
# For who waits: how much there is to copy.
ask 'select sum(pg_database_size(oid)) from pg_database' > "$here/data.size" || rm -f "$here/data.size"
"$bin/pg_basebackup" --pgdata="$here/data.new" --dbname="$connection" --no-password \\
  --wal-method=stream --checkpoint=fast --label=pgctl
: > "$here/initialized"
sync "$here/initialized"
mv -T "$here/data.new" "$data"
rm -f "$here/data.size" "$here/data.attempt"
`;

/**
 * Stands for pg_isready among the programs that Patroni uses. Patroni asks once a second whether a Postgres that starts
 * accepts connections, and that is most of what a start, a restart or a new replica waits for: this looks on for most of
 * that second, and answers as soon as Postgres does. One that hangs takes pg_isready's own three seconds and no more:
 * Patroni does nothing else meanwhile, and has a lease to keep.
 */
export const IS_READY = `#!/bin/sh
bin=$(cat "$(dirname "$0")/../postgres-bin-dir") || exit 3
ms() { echo $(($(date +%s%N) / 1000000)); }
end=$(($(ms) + 700))
while :; do
  said=$("$bin/pg_isready" "$@" 2>&1)
  status=$?
  # Not yet: 1 it starts, 2 nobody answers.
  case $status in 1|2) if [ "$(ms)" -lt "$end" ]; then sleep 0.05; continue; fi ;; esac
  printf '%s\\n' "$said"
  exit "$status"
done
`;
