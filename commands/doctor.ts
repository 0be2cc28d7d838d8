import { EXIT, toPgctlError } from '../src/errors.ts';
import { etcdFindings } from '../src/records/etcd-health.ts';
import { worstFirst } from '../src/records/findings.ts';
import type { DoctorReportDocument, Finding } from '../src/ui/documents.ts';
import { showDoctorReport } from '../src/ui/views.ts';
import type { App } from './shared/app.ts';
import type { CommandModule } from './shared/command.ts';
import { clientFindings } from './shared/doctor-client.ts';
import { findingOf } from './shared/doctor-finding.ts';
import { diagnoseFleet } from './shared/doctor-fleet.ts';

/** etcd, and what it leads to. What cannot be looked at because of something else is not mentioned twice. */
async function diagnose(app: App): Promise<Omit<DoctorReportDocument, 'kind'>> {
  const findings: Finding[] = [...(await clientFindings(app))];
  const checked = { endpoints: 0, hosts: 0, databases: 0 };
  if (app.settings.problem !== null) return { findings, checked };
  try {
    const { endpoints } = await app.connection();
    const store = await app.store();
    const health = await store.health();
    checked.endpoints = endpoints.length;
    findings.push(...etcdFindings(health));
    if (health.endpoints.every(({ error }) => error !== null)) return { findings, checked };
    const fleet = await diagnoseFleet(app);
    findings.push(...fleet.findings, ...(await keyFindings(app)));
    return { findings, checked: { ...checked, hosts: fleet.hosts, databases: fleet.databases } };
  } catch (thrown) {
    findings.push(findingOf(toPgctlError(thrown), 'etcd'));
    return { findings, checked };
  }
}

/** Whether this machine could change anything: the store's format and its sealing key. */
async function keyFindings(app: App): Promise<readonly Finding[]> {
  const store = await app.store();
  // A store that nothing was written to gets its key with the first change.
  if ((await store.meta()) === null) return [];
  try {
    await store.sealingKey();
    return [];
  } catch (thrown) {
    return [findingOf(toPgctlError(thrown), 'sealing key')];
  }
}

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl doctor'),
  async run(app) {
    const { findings, checked } = await diagnose(app);
    app.ui.result({ kind: 'DoctorReport', findings: worstFirst(findings), checked }, showDoctorReport);
    return findings.every(({ severity }) => severity === 'info') ? EXIT.ok : EXIT.failed;
  },
};
