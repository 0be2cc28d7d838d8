/** The text of every document: (document, theme) → text, without an end of line. */
export { showContext, showContextList } from './views/context.ts';
export { showDatabase, showDatabaseList } from './views/database.ts';
export { showDoctorReport } from './views/doctor.ts';
export { showFindings } from './views/finding.ts';
export { showHost, showHostList, showRemovedHost } from './views/host.ts';
export { showInstance, showInstanceList } from './views/instance.ts';
export { showLocal } from './views/local.ts';
export { showPlan, showPlanList, showSavedPlan } from './views/plan.ts';
export { showStatus, showWatchedStatus } from './views/status.ts';
export { statusChanges } from './views/status-changes.ts';
export { showTask, showTaskList, showTaskLog, showTaskResult } from './views/task.ts';
