#include "services/scheduler/core/simulation/world.h"

#include "absl/strings/str_cat.h"

namespace nevus::scheduler {

void World::After(absl::Duration delay, Action action) {
  later_.push({now_ + delay, planned_++, std::move(action)});
}

void World::Send(const Action& arrive) {
  if (Fault(20)) return;
  const int copies = Fault(20) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    After(Fault(30) ? Between(absl::Seconds(1), absl::Seconds(30))
                    : Between(absl::Milliseconds(1), absl::Milliseconds(50)),
          arrive);
  }
}

void World::PlayUntil(absl::Time until) {
  while (!later_.empty() && later_.top().at < until) {
    now_ = later_.top().at;
    const Action action = later_.top().action;
    later_.pop();
    action();
  }
  now_ = until;
}

void World::Violation(const std::string& what) {
  violations_.push_back(absl::StrCat(
      absl::FormatDuration(now_ - absl::FromUnixSeconds(1'000'000)), ": ",
      what));
}

}  // namespace nevus::scheduler
