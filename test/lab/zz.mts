import { startFresh } from './fresh.ts';
import { execa } from 'execa';
const m = await startFresh();
try {
  await execa('sh',['-c',`mkdir -p ${m.root}/home/operator/pgctl && cd /work/main && git archive HEAD | tar x -C ${m.root}/home/operator/pgctl && chown -R 1000 ${m.root}/home/operator/pgctl`]);
  for (const [c,u] of [['cd pgctl && bin/quickstart','operator'],['cd pgctl; node dist/bin/pgctl.js local down --purge','operator']] as const) {
    const t=performance.now();
    const r = await m.run('cd; '+c,{user:u,timeoutMs:400_000}); console.log(Math.round(performance.now()-t), r.exitCode, r.stdout.slice(-3500), r.stderr.slice(-3000));
  }
} finally { await m.stop(); }
