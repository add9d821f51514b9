// An unmodified @sentry/node, as a customer would write it: two exceptions, one of them larger than 32 KB.
// Run by test_sentry_node.py with NODE_PATH in the cache folder; argv: the module's address, the DSN.
const Sentry = await import(process.argv[2]);
Sentry.init({ dsn: process.argv[3], release: "portal@3.1.4", environment: "production", serverName: "pbx-node-01" });
Sentry.setTag("pbx.serial", "PBX-1001");
function dialTrunk() { throw new TypeError("trunk is not a function"); }
try { dialTrunk(); } catch (error) { Sentry.captureException(error); }
Sentry.captureException(new RangeError("large"), { extra: { log: "line of log\n".repeat(20000).slice(0, 60000) } });
await Sentry.flush(5000);
