#include "services/scheduler/core/job_queue.h"

#include <iterator>

namespace nevus::scheduler {
namespace {

bool IsFinite(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

}  // namespace

absl::Time Rank(absl::Time submitted, int priority) {
  return submitted - priority * kPriorityPoint;
}

void JobQueue::SetLimit(int kind, int max_running) {
  kinds_[kind].limit = max_running > 0 ? max_running : 0;
}

JobQueue::Turns& JobQueue::Ready(Kind& kind, const Place& place) {
  return place.begun ? kind.ready_begun : kind.ready_fresh;
}

void JobQueue::Update(Number number, int kind_number, absl::Time rank,
                      const Job& job) {
  Erase(number);
  if (HasEnded(job.state)) return;
  Place place;
  place.kind = kind_number;
  place.rank = rank;
  place.begun = job.state != JobState::kPending;
  place.wake = NextLeasable(job);
  place.deadline = NextDeadline(job);
  place.ready = place.wake == absl::InfinitePast();
  Kind& kind = kinds_[kind_number];
  kind.unfinished.insert({rank, number});
  if (place.begun) ++kind.running;
  if (place.ready) Ready(kind, place).emplace(rank, number);
  if (IsFinite(place.wake)) kind.asleep.emplace(place.wake, number);
  if (place.deadline != absl::InfiniteFuture()) {
    deadlines_.emplace(place.deadline, number);
  }
  places_.emplace(number, place);
}

void JobQueue::Erase(Number number) {
  const auto found = places_.find(number);
  if (found == places_.end()) return;
  const Place& place = found->second;
  Kind& kind = kinds_[place.kind];
  kind.unfinished.erase({place.rank, number});
  if (place.begun) --kind.running;
  if (place.ready) Ready(kind, place).erase({place.rank, number});
  (place.ready ? kind.woken : kind.asleep).erase({place.wake, number});
  deadlines_.erase({place.deadline, number});
  places_.erase(found);
}

void JobQueue::WakeUp(Kind& kind, absl::Time now) {
  while (!kind.asleep.empty() && kind.asleep.begin()->first <= now) {
    const auto node = kind.asleep.extract(kind.asleep.begin());
    Place& place = places_.at(node.value().second);
    place.ready = true;
    Ready(kind, place).emplace(place.rank, node.value().second);
    kind.woken.insert(node.value());
  }
  while (!kind.woken.empty() && kind.woken.rbegin()->first > now) {
    const auto node = kind.woken.extract(std::prev(kind.woken.end()));
    Place& place = places_.at(node.value().second);
    place.ready = false;
    Ready(kind, place).erase({place.rank, node.value().second});
    kind.asleep.insert(node.value());
  }
}

void JobQueue::VisitLeasable(int kind_number, absl::Time now,
                             const std::function<bool(Number)>& visit) {
  const auto found = kinds_.find(kind_number);
  if (found == kinds_.end()) return;
  Kind& kind = found->second;
  WakeUp(kind, now);
  auto begun = kind.ready_begun.begin();
  const auto begun_end = kind.ready_begun.end();
  auto fresh = kind.ready_fresh.begin();
  const bool is_full = kind.limit > 0 && kind.running >= kind.limit;
  const auto fresh_end = is_full ? fresh : kind.ready_fresh.end();
  while (begun != begun_end || fresh != fresh_end) {
    const bool takes_begun =
        fresh == fresh_end || (begun != begun_end && *begun < *fresh);
    const Turn& turn = takes_begun ? *begun++ : *fresh++;
    if (!visit(turn.second)) return;
  }
}

std::vector<JobQueue::Number> JobQueue::Due(absl::Time now) const {
  std::vector<Number> due;
  for (const auto& [deadline, number] : deadlines_) {
    if (deadline > now) break;
    due.push_back(number);
  }
  return due;
}

absl::Time JobQueue::NextWake(int kind) const {
  const auto found = kinds_.find(kind);
  if (found == kinds_.end() || found->second.asleep.empty()) {
    return absl::InfiniteFuture();
  }
  return found->second.asleep.begin()->first;
}

int64_t JobQueue::Ahead(Number number) const {
  const auto found = places_.find(number);
  if (found == places_.end()) return 0;
  const Kind& kind = kinds_.at(found->second.kind);
  return static_cast<int64_t>(
      kind.unfinished.order_of_key({found->second.rank, number}));
}

int64_t JobQueue::Running(int kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.running;
}

int JobQueue::Limit(int kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.limit;
}

}  // namespace nevus::scheduler
