-- 2
-- Rows get a number and their JSON comes last, so that what is searched lies close together however long documents are.
alter table resource rename to resource_1;
create table resource (
    id       integer primary key,
    kind     text not null,
    name     text not null,
    parent   text not null default '',
    status   text not null,
    created  real not null,
    changed  real not null,
    lease    text,
    doc      text not null,
    result   text not null default '{}',
    unique (kind, name)
);
insert into resource (kind, name, parent, status, created, changed, lease, doc, result)
select kind, name, parent, status, created, changed, lease, doc, result from resource_1 order by created, kind, name;
drop table resource_1;
-- A stage execution says of which pipeline it is.
update resource set doc = json_set(doc, '$.pipeline', (
    select parent from resource as execution
    where execution.kind = 'delivery-execution' and execution.name = resource.parent
)) where kind = 'delivery-stage';
-- A trial's components are rows of their own.
insert into resource (kind, name, parent, status, created, changed, doc)
select 'trial-component-association', trial.value || '/' || component.name, trial.value, 'Completed',
       component.created, component.changed, json_object('component', component.name, 'created', component.created)
from resource as component, json_each(component.result, '$.trials') as trial
where component.kind = 'experiment-trial-component';
-- A monitoring schedule says which endpoint it is about, and each change of its alert is a row of its own.
update resource set result = json_set(result, '$.endpoint', coalesce(
    json_extract(doc, '$.MonitoringScheduleConfig.MonitoringJobDefinition.MonitoringInputs[0].EndpointInput.EndpointName'),
    (select json_extract(definition.doc, '$.' || json_extract(resource.doc, '$.MonitoringScheduleConfig.MonitoringType') || 'JobInput.EndpointInput.EndpointName')
     from resource as definition
     where definition.name = json_extract(resource.doc, '$.MonitoringScheduleConfig.MonitoringJobDefinitionName')
     and definition.kind = case json_extract(resource.doc, '$.MonitoringScheduleConfig.MonitoringType')
         when 'DataQuality' then 'data-quality-job-definition' when 'ModelQuality' then 'model-quality-job-definition'
         when 'ModelBias' then 'model-bias-job-definition' else 'model-explainability-job-definition' end)
)) where kind = 'monitoring-schedule';
insert into resource (kind, name, parent, status, created, changed, doc)
select 'monitoring-alert-change', schedule.name || '/' || change.key, schedule.name, json_extract(change.value, '$.AlertStatus'),
       json_extract(change.value, '$.CreationTime'), json_extract(change.value, '$.CreationTime'), '{}'
from resource as schedule, json_each(schedule.result, '$.alert.history') as change
where schedule.kind = 'monitoring-schedule';
update resource set result = json_remove(result, '$.alert.history') where kind = 'monitoring-schedule';
