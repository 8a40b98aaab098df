// The command line of a worker that nevusd runs as a child (--isolate_workers).
// Pure.
#ifndef NEVUS_SERVICES_NEVUSD_WORKER_COMMAND_H_
#define NEVUS_SERVICES_NEVUSD_WORKER_COMMAND_H_

#include <string>
#include <vector>

#include "base/rpc/channel.h"

namespace nevus {

// The program: this process's own, also when its file was replaced meanwhile.
inline constexpr char kWorkerProgram[] = "/proc/self/exe";

// What all workers of a node have in common.
struct WorkerCommandOptions {
  std::string data_dir;
  std::string listen;                 // of the node, HOST:PORT
  int port = 0;                       // that was taken
  std::vector<std::string> services;  // that the node hosts
  ServiceAddresses peers;             // where the others are
  int threads = 1;
  std::vector<std::string> more;  // further flags
};

// The arguments, from argv[0] on, of the `index`th (1, 2, ...) child of this
// kind, whose worker is to be called `worker`.
std::vector<std::string> WorkerCommand(const WorkerCommandOptions& options,
                                       const std::string& kind, int index,
                                       const std::string& worker);

}  // namespace nevus

#endif  // NEVUS_SERVICES_NEVUSD_WORKER_COMMAND_H_
