#include "services/scheduler/shell/worker_room.h"

#include <algorithm>

namespace nevus {
namespace {

// The forgotten are looked for this often, not at each question.
constexpr absl::Duration kSweepEvery = absl::Seconds(1);

}  // namespace

void WorkerRoom::HeardOf(int kind, const std::string& worker, absl::Time now) {
  kinds_[kind].heard[worker] = now;
}

void WorkerRoom::Left(const std::string& worker) {
  for (auto& [kind, room] : kinds_) room.heard.erase(worker);
}

int WorkerRoom::Connected(int kind, absl::Time now) {
  Kind& room = kinds_[kind];
  if (now < room.swept || now - room.swept >= kSweepEvery) {
    room.swept = now;
    for (auto it = room.heard.begin(); it != room.heard.end();) {
      it = now - it->second >= kWorkerForgotten ? room.heard.erase(it)
                                                : std::next(it);
    }
  }
  return static_cast<int>(room.heard.size());
}

void WorkerRoom::Sit(int kind, Seat& seat) {
  seat.called = false;
  kinds_[kind].waiting.push_back(&seat);
}

void WorkerRoom::Leave(int kind, Seat& seat) {
  // One that was called has left already.
  std::list<Seat*>& waiting = kinds_[kind].waiting;
  const auto found = std::find(waiting.begin(), waiting.end(), &seat);
  if (found != waiting.end()) waiting.erase(found);
}

bool WorkerRoom::SomebodyWaits(int kind) const {
  const auto found = kinds_.find(kind);
  return found != kinds_.end() && !found->second.waiting.empty();
}

void WorkerRoom::Call(int kind) {
  const auto found = kinds_.find(kind);
  if (found == kinds_.end()) return;
  Call(kind, static_cast<int>(found->second.waiting.size()) - 1);
}

void WorkerRoom::PassOn(int kind, const Seat& seat) {
  if (seat.others > 0) Call(kind, seat.others - 1);
}

void WorkerRoom::Call(int kind, int others) {
  std::list<Seat*>& waiting = kinds_[kind].waiting;
  if (waiting.empty()) return;
  Seat* const seat = waiting.front();
  waiting.pop_front();
  seat->called = true;
  seat->others = others;
  seat->called_changed.NotifyOne();
}

void WorkerRoom::WakeAll() {
  for (auto& [kind, room] : kinds_) {
    for (Seat* seat : room.waiting) seat->called_changed.NotifyOne();
  }
}

}  // namespace nevus
