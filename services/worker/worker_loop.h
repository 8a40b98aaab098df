// The loop of one worker: lease a task, do it, say how it went, again. Keeps
// nothing: it may be killed at any moment, or stopped and continued after its
// lease is over: then its writes and its answer are refused, and it takes the
// next task.
#ifndef NEVUS_SERVICES_WORKER_WORKER_LOOP_H_
#define NEVUS_SERVICES_WORKER_WORKER_LOOP_H_

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// A name that no other worker has: "extraction-3f2a09bc".
std::string NewWorkerName(const std::string& kind);

// Runs a thread. Stop (or the destructor) ends it: the current task is told to
// stop and given back.
class WorkerLoop {
 public:
  // `peers` must outlive this. `name`: unique among the workers of the
  // scheduler; "" makes one.
  WorkerLoop(const Peers& peers, std::unique_ptr<TaskHandler> handler,
             const std::string& name = "");
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  void Start();
  // Asks the loop to end; does not wait.
  void RequestStop();
  // Asks and waits.
  void Stop();

 private:
  void Run();
  void RunOneTask();

  const Peers& peers_;
  const std::unique_ptr<TaskHandler> handler_;
  const std::string name_;
  StopSignal stop_;
  PeerCalls polls_;  // for work; ends with a stop
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_WORKER_LOOP_H_
