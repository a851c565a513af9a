#!/usr/bin/env bash
# Push the first files into a repository that has no such branch. What is there already is never touched.
# Usage: checkin.sh SEED_FOLDER REPOSITORY_URL BRANCH; writes what it did to the file "result" beside itself.
set -euo pipefail

seed=$1 url=$2 branch=$3
here=$(cd "$(dirname "$0")" && pwd)

heads=$(git ls-remote --heads -- "$url")
if [ -n "$heads" ]; then
  echo "$url has branches already:"
  echo "$heads"
  if ! awk -v wanted="refs/heads/$branch" '$2 == wanted {found = 1} END {exit !found}' <<<"$heads"; then
    echo "but none named $branch: push one, or launch the project with the branch that there is" >&2
    exit 1
  fi
  echo "left as it was" >"$here/result"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$seed/." "$work/"
cd "$work"
rm -rf .git
git init --quiet
git symbolic-ref HEAD "refs/heads/$branch"
git add --all
git -c user.name="SageMaker project" -c user.email="noreply@amazon.com" commit --quiet --message "Seed code of the project"
git push --quiet -- "$url" "HEAD:refs/heads/$branch"
echo "pushed" >"$here/result"
echo "pushed $(git rev-parse HEAD) to $branch of $url"
