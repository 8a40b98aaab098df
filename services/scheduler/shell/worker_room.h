// Who is there: the workers of each kind that were heard of lately, and those
// that wait for a task. Work wakes one waiter of its kind, never all of them.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_WORKER_ROOM_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_WORKER_ROOM_H_

#include <list>
#include <map>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace nevus {

// Thread-compatible: the scheduler's lock guards it.
class WorkerRoom {
 public:
  // One wait of one worker.
  struct Seat {
    CondVar called_changed;
    bool called = false;  // there is work
    // How many others may be called instead if this one must not do it.
    int others = 0;
  };

  void HeardOf(int kind, const std::string& worker, absl::Time now);
  // It is known to be gone.
  void Left(const std::string& worker);
  // Workers of `kind` that were heard of within kWorkerForgotten.
  int Connected(int kind, absl::Time now);

  // `seat` must stay until Leave.
  void Sit(int kind, Seat& seat);
  void Leave(int kind, Seat& seat);
  bool SomebodyWaits(int kind) const;
  // Wakes the one that has waited longest, if there is one.
  void Call(int kind);
  // `seat` was called and must not do the work: wakes the next instead.
  void PassOn(int kind, const Seat& seat);
  void WakeAll();

 private:
  struct Kind {
    std::unordered_map<std::string, absl::Time> heard;
    absl::Time swept = absl::InfinitePast();
    std::list<Seat*> waiting;
  };
  void Call(int kind, int others);

  std::map<int, Kind> kinds_;
};

// A worker polls every few seconds and sends heartbeats in between.
constexpr absl::Duration kWorkerForgotten = absl::Seconds(45);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_WORKER_ROOM_H_
