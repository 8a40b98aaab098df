#include "services/nevusd/worker_command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nevus {
namespace {

// Where a child finds each service: here, or where this node finds it.
std::string PeersOf(const WorkerCommandOptions& options) {
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  std::vector<std::string> peers;
  for (const std::string& service : ServiceNames()) {
    const bool here =
        std::find(options.services.begin(), options.services.end(), service) !=
        options.services.end();
    const std::string address = here ? absl::StrCat(host, ":", options.port)
                                     : options.peers.Find(service);
    if (!address.empty()) peers.push_back(absl::StrCat(service, "=", address));
  }
  return absl::StrJoin(peers, ",");
}

}  // namespace

std::vector<std::string> WorkerCommand(const WorkerCommandOptions& options,
                                       const std::string& kind, int index,
                                       const std::string& worker) {
  std::vector<std::string> command = {
      "nevusd",
      absl::StrCat("--data=", options.data_dir, "/workers/", kind, "-", index),
      "--listen=127.0.0.1:0",
      "--services=none",
      absl::StrCat("--workers=", kind, "=1"),
      absl::StrCat("--worker_name=", worker),
      absl::StrCat("--peers=", PeersOf(options)),
      absl::StrCat("--threads=", options.threads)};
  command.insert(command.end(), options.more.begin(), options.more.end());
  return command;
}

}  // namespace nevus
