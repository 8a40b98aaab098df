// The loop of one worker: lease a task, keep the lease alive, do the task, say
// how it went. Stateless: it may be killed at any moment.
#ifndef NEVUS_SERVICES_WORKER_WORKER_LOOP_H_
#define NEVUS_SERVICES_WORKER_WORKER_LOOP_H_

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// Runs a thread. Stop (or the destructor) ends it: the current task is told to
// stop and given back.
class WorkerLoop {
 public:
  // `peers` must outlive this.
  WorkerLoop(const Peers& peers, std::unique_ptr<TaskHandler> handler);
  ~WorkerLoop();
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  void Start();
  // Asks the loop to end; does not wait.
  void RequestStop();
  // Asks and waits.
  void Stop();

 private:
  class Attempt;

  void Run();
  void RunOneTask();

  const Peers& peers_;
  const std::unique_ptr<TaskHandler> handler_;
  const std::string name_;
  StopSignal stop_;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_WORKER_LOOP_H_
