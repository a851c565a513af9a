-- schema
drop table if exists ballast;            -- left by a start that was cut off, see Store.reserve
create table if not exists resource (
    kind     text not null,
    name     text not null,
    parent   text not null default '',   -- the group of a package, the pipeline of an execution, ...
    status   text not null,
    doc      text not null,              -- the request as it came, JSON
    result   text not null default '{}', -- what became of it, JSON
    created  real not null,
    changed  real not null,
    lease    text,                       -- who runs it
    primary key (kind, name)
) without rowid;
create index if not exists resource_children on resource (kind, parent, created);
create index if not exists resource_queue on resource (kind, status, created);
create table if not exists event (       -- append-only: what happened, in order
    seq      integer primary key autoincrement,
    kind     text not null,
    name     text not null,
    event    text not null,
    old      text not null,
    new      text not null,
    at       real not null
);
create table if not exists counter (name text primary key, value integer not null) without rowid;
create table if not exists tag (arn text not null, key text not null, value text not null, primary key (arn, key)) without rowid;

-- insert
insert into resource (kind, name, parent, status, doc, result, created, changed)
values (:kind, :name, :parent, :status, :doc, :result, :at, :at);

-- get
select * from resource where kind = :kind and name = :name;

-- children
select * from resource where kind = :kind and parent = :parent order by created, name;

-- list
select * from resource where kind = :kind order by created, name;

-- by_status
select * from resource where kind = :kind and status = :status order by created, name;

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
