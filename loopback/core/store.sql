-- schema
create table resource (
    id       integer primary key,
    kind     text not null,
    name     text not null,
    parent   text not null default '',   -- the group of a package, the pipeline of an execution, ...
    status   text not null,
    created  real not null,
    changed  real not null,
    lease    text,                       -- who runs it
    doc      text not null,              -- the request as it came, JSON
    result   text not null default '{}', -- what became of it, JSON
    unique (kind, name)
);
create table event (                     -- what happened, in order; dropped when it is old and announced
    seq      integer primary key autoincrement,
    kind     text not null,
    name     text not null,
    event    text not null,
    old      text not null,
    new      text not null,
    at       real not null
);
create table counter (name text primary key, value integer not null) without rowid;
create table tag (arn text not null, key text not null, value text not null, primary key (arn, key)) without rowid;

-- indexes
create index resource_by_created on resource (kind, created, name);
create index resource_by_changed on resource (kind, changed, name);
create index resource_by_parent on resource (kind, parent, created, name);
create index resource_by_parent_name on resource (kind, parent, name);
create index resource_by_parent_status on resource (kind, parent, status, created, name);
create index resource_by_status on resource (kind, status, created, name);
create index resource_by_status_name on resource (kind, status, name);
-- of one kind: a query uses them where it says `kind = '...'` in these words
create index package_approval on resource (parent, json_extract(doc, '$.ModelApprovalStatus'), created, name) where kind = 'model-package';
create index package_approval_name on resource (parent, json_extract(doc, '$.ModelApprovalStatus'), name) where kind = 'model-package';
create index association_created on resource (parent, json_extract(doc, '$.created'), name) where kind = 'trial-component-association';
create index association_component on resource (json_extract(doc, '$.component'), created, name) where kind = 'trial-component-association';
create index component_source_name on resource (json_extract(doc, '$.Source.SourceArn'), name) where kind = 'experiment-trial-component';
create index component_source on resource (json_extract(doc, '$.Source.SourceArn'), created, name) where kind = 'experiment-trial-component';
create index artifact_source on resource (json_extract(doc, '$.Source.SourceUri'), created, name) where kind = 'artifact';
create index context_source on resource (json_extract(doc, '$.Source.SourceUri'), created, name) where kind = 'context';
create index context_source_name on resource (json_extract(doc, '$.Source.SourceUri'), name) where kind = 'context';
create index action_source on resource (json_extract(doc, '$.Source.SourceUri'), created, name) where kind = 'action';
create index action_source_name on resource (json_extract(doc, '$.Source.SourceUri'), name) where kind = 'action';
create index lineage_source on resource (json_extract(doc, '$.source'), created, name) where kind = 'lineage-association';
create index lineage_destination on resource (json_extract(doc, '$.destination'), created, name) where kind = 'lineage-association';
create index lineage_pair on resource (json_extract(doc, '$.source'), json_extract(doc, '$.destination'), created, name) where kind = 'lineage-association';
create index monitored_time on resource (parent, json_extract(doc, '$.ScheduledTime'), name) where kind = 'monitoring-execution';
create index monitored_times on resource (kind, json_extract(doc, '$.ScheduledTime'), name) where kind = 'monitoring-execution';
create index schedule_definition on resource (json_extract(doc, '$.MonitoringScheduleConfig.MonitoringJobDefinitionName'), created, name) where kind = 'monitoring-schedule';
create index domain_name on resource (json_extract(doc, '$.DomainName'), created, name) where kind = 'domain';
create index tuned_objective on resource (parent, json_extract(result, '$.objective'), name) where kind = 'tuned-training-job';
create index step_callback on resource (json_extract(result, '$.callback_token'), created, name) where kind = 'pipeline-step';
create index build_token on resource (parent, json_extract(doc, '$.idempotencyToken'), created, name) where kind = 'build';
create index batch_token on resource (parent, json_extract(doc, '$.idempotencyToken'), created, name) where kind = 'build-batch';
create index report_status on resource (json_extract(doc, '$.status'), created, name) where kind = 'report';
create index group_report_status on resource (parent, json_extract(doc, '$.status'), created, name) where kind = 'report';
create index deployment_application on resource (json_extract(doc, '$.applicationName'), created, name) where kind = 'deployment';
create index deployment_application_status on resource (json_extract(doc, '$.applicationName'), status, created, name) where kind = 'deployment';
create index deploy_group_config on resource (json_extract(doc, '$.deploymentConfigName'), created, name) where kind = 'deploy-group';
create index scalable_target_id on resource (json_extract(result, '$.id'), created, name) where kind = 'scalable-target';
create index portfolio_token on resource (json_extract(doc, '$.IdempotencyToken'), created, name) where kind = 'catalog-portfolio';
create index product_token on resource (json_extract(doc, '$.IdempotencyToken'), created, name) where kind = 'catalog-product';
create index artifact_token on resource (json_extract(doc, '$.IdempotencyToken'), created, name) where kind = 'catalog-artifact';
create index constraint_token on resource (json_extract(doc, '$.IdempotencyToken'), created, name) where kind = 'catalog-constraint';
create index constraint_product on resource (parent, json_extract(doc, '$.ProductId'), created, name) where kind = 'catalog-constraint';
create index stack_operation_token on resource (json_extract(doc, '$.IdempotencyToken'), created, name) where kind = 'stack-operation';
create index product_name on resource (json_extract(doc, '$.Name'), created, name) where kind = 'catalog-product';
create index product_title on resource (kind, lower(json_extract(doc, '$.Name')), name) where kind = 'catalog-product';
create index path_product on resource (json_extract(doc, '$.product'), created, name) where kind = 'catalog-path';
create index provisioned_name on resource (json_extract(doc, '$.name'), created, name) where kind = 'provisioned-product';
create index record_provisioned on resource (json_extract(doc, '$.record.id'), created, name) where kind = 'stack-operation';
create index record_product on resource (json_extract(doc, '$.record.product'), created, name) where kind = 'stack-operation';
create index delivery_order on resource (parent, json_extract(doc, '$.order'), name) where kind = 'delivery-execution';
create index delivery_token on resource (parent, json_extract(doc, '$.token'), created, name) where kind = 'delivery-execution';
create index delivery_stage_entered on resource (json_extract(doc, '$.pipeline'), json_extract(doc, '$.name'), json_extract(result, '$.entered'), name) where kind = 'delivery-stage';
create index delivery_action_order on resource (json_extract(doc, '$.pipeline'), json_extract(doc, '$.order'), name) where kind = 'delivery-action';
create index delivery_action_latest on resource (json_extract(doc, '$.pipeline'), json_extract(doc, '$.stage'), json_extract(doc, '$.action'), json_extract(doc, '$.order'), name) where kind = 'delivery-action';
create index delivery_action_of_execution on resource (parent, json_extract(doc, '$.order'), name) where kind = 'delivery-action';
create index delivery_action_token on resource (json_extract(doc, '$.token'), created, name) where kind = 'delivery-action';
create index delivery_rule_order on resource (json_extract(doc, '$.pipeline'), json_extract(doc, '$.order'), name) where kind = 'delivery-rule';
create index delivery_rule_of_execution on resource (parent, json_extract(doc, '$.order'), name) where kind = 'delivery-rule';

-- insert
insert into resource (kind, name, parent, status, doc, result, created, changed)
values (:kind, :name, :parent, :status, :doc, :result, :at, :at);

-- get
select kind, name, parent, status, created, changed, lease, doc, result from resource where kind = :kind and name = :name;

-- move
update resource set status = :new, changed = :at, lease = :lease, result = :result
where kind = :kind and name = :name and status = :old;

-- amend
update resource set doc = :doc, result = :result, changed = :at where kind = :kind and name = :name;

-- delete
delete from resource where kind = :kind and name = :name;

-- record
insert into event (kind, name, event, old, new, at) values (:kind, :name, :event, :old, :new, :at);

-- events
select * from event where seq > :after order by seq limit :limit;

-- oldest_events
select seq, at from event where seq <= :announced order by seq limit :limit;

-- drop_events
delete from event where seq <= :last;

-- count
insert into counter (name, value) values (:name, 1) on conflict (name) do update set value = value + 1 returning value;

-- read_counter
select value from counter where name = :name;

-- set_counter
insert into counter (name, value) values (:name, :value) on conflict (name) do update set value = :value;

-- tag
insert into tag (arn, key, value) values (:arn, :key, :value) on conflict (arn, key) do update set value = :value;

-- tags
select key, value from tag where arn = :arn order by key;

-- untag
delete from tag where arn = :arn and key = :key;

-- untag_all
delete from tag where arn = :arn;

-- trial_shows_component
exists (
    select 1 from resource as association
    where association.kind = 'trial-component-association' and association.name = resource.name || '/' || ?
)

-- component_is_in_experiment
exists (
    select 1 from resource as association
    join resource as trial on trial.kind = 'experiment-trial' and trial.name = association.parent
    where association.kind = 'trial-component-association'
    and json_extract(association.doc, '$.component') = resource.name and trial.parent = ?
)

-- association_has_source
exists (
    select 1 from resource as component
    where component.kind = 'experiment-trial-component' and component.name = json_extract(resource.doc, '$.component')
    and json_extract(component.doc, '$.Source.SourceArn') = ?
)

-- delivery_succeeded_in_stage
exists (
    select 1 from resource as stage
    where stage.kind = 'delivery-stage' and stage.name = resource.name || '/' || ? and stage.status = 'Succeeded'
)
