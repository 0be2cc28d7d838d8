const show = (d: unknown): string => JSON.stringify(d, null, 1);
export const showHost = show, showHostList = show, showDatabase = show, showDatabaseList = show, showInstance = show, showInstanceList = show, showTask = show, showTaskList = show, showTaskLog = show, showPlan = show, showLocal = show;
export const showTaskResult = (d: { task: unknown }): string => d.task === null ? 'no change' : show(d);
