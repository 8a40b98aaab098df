#include "tests/harness/cluster.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr char kNevusd[] = "services/nevusd/nevusd";
constexpr char kNevus[] = "clients/nevus/nevus";
// Long, for a loaded machine; reached only by a failure.
constexpr absl::Duration kStartTimeout = absl::Seconds(60);

bool IsFree(int port) {
  const int socket_file = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address;
  std::memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(socket_file, reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
  close(socket_file);
  return free;
}

// A port that was free a moment ago. Processes that must know each other's
// address before any of them runs need one. Not one of those that the kernel
// gives to outgoing connections (from 32768): while the process that serves it
// is killed and started again, a connection could take its port.
int FreePort() {
  constexpr int kFirst = 10000;
  constexpr int kCount = 32768 - kFirst;
  static auto* const given = new std::set<int>;  // none twice in one test
  while (true) {
    // Random, since tests run beside each other.
    const int port =
        kFirst + static_cast<int>(Checksum64(RandomHex(8)) % kCount);
    if (IsFree(port) && given->insert(port).second) return port;
  }
}

}  // namespace

Topology TopologyFromEnvironment() {
  const char* name = std::getenv("NEVUS_TOPOLOGY");
  return name != nullptr && std::string(name) == "many"
             ? Topology::kManyProcesses
             : Topology::kOneProcess;
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(
    Topology topology, const std::string& dir,
    const std::vector<std::string>& flags) {
  auto cluster = std::unique_ptr<Cluster>(new Cluster);
  if (dir.empty()) {
    cluster->temp_dir_ = std::make_unique<TempDir>();
    cluster->dir_ = cluster->temp_dir_->path();
  } else {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot make the directory ", dir, ": ", error.message()));
    }
    cluster->dir_ = dir;
  }
  cluster->flags_ = flags;
  if (topology == Topology::kOneProcess) {
    const int port = FreePort();
    cluster->server_ = absl::StrCat("127.0.0.1:", port);
    cluster->members_.push_back(cluster->NewMember(
        "all", port, "all", "extraction=1,training=1,evaluation=1", ""));
  } else {
    std::map<std::string, int> ports;
    std::vector<std::string> addresses;
    for (const std::string& service : ServiceNames()) {
      ports[service] = FreePort();
      addresses.push_back(absl::StrCat(service, "=127.0.0.1:", ports[service]));
    }
    cluster->server_ = absl::StrJoin(addresses, ",");
    for (const std::string& service : ServiceNames()) {
      cluster->members_.push_back(cluster->NewMember(
          service, ports[service], service, "none", cluster->server_));
    }
    for (const std::string kind : {"extraction", "training", "evaluation"}) {
      cluster->members_.push_back(cluster->NewMember(
          "worker-" + kind, FreePort(), "none", kind + "=1", cluster->server_));
    }
  }
  RETURN_IF_ERROR(cluster->StartProcesses());
  return cluster;
}

Cluster::Member Cluster::NewMember(const std::string& name, int port,
                                   const std::string& services,
                                   const std::string& workers,
                                   const std::string& peers) const {
  Member member{
      name,
      {kNevusd, absl::StrCat("--data=", File("data-" + name)),
       absl::StrCat("--listen=127.0.0.1:", port),
       absl::StrCat("--services=", services),
       absl::StrCat("--workers=", workers), absl::StrCat("--peers=", peers),
       // Servers of several tests share few cores; threads of OpenMP
       // that wait for each other by spinning would take turns at
       // doing nothing.
       "--threads=1"},
      nullptr};
  member.arguments.insert(member.arguments.end(), flags_.begin(), flags_.end());
  return member;
}

absl::Status Cluster::StartProcesses() {
  // All at once, then wait for each: none needs another to start.
  for (Member& member : members_) {
    if (member.process == nullptr) RETURN_IF_ERROR(Launch(member));
  }
  for (Member& member : members_) {
    RETURN_IF_ERROR(AwaitServing(member).status());
  }
  return absl::OkStatus();
}

absl::Status Cluster::Launch(Member& member) const {
  ASSIGN_OR_RETURN(member.process, Process::Start(member.arguments,
                                                  File(member.name + ".log")));
  member.since_start = Stopwatch();
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> Cluster::AwaitServing(Member& member) const {
  // Connected: the port is served, and everything behind it opened. A channel
  // of its own that tries often, so that what is waited for is the server.
  grpc::ChannelArguments arguments = ChannelArguments();
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
  const std::string& listen = member.arguments[2];
  const auto channel =
      grpc::CreateCustomChannel(listen.substr(listen.find('=') + 1),
                                grpc::InsecureChannelCredentials(), arguments);
  while (member.process->running() &&
         absl::Seconds(member.since_start.Seconds()) < kStartTimeout) {
    if (channel->WaitForConnected(DeadlineAfter(absl::Milliseconds(100)))) {
      return absl::Seconds(member.since_start.Seconds());
    }
  }
  return absl::InternalError(
      absl::StrCat(member.name, " did not start:\n", Logs()));
}

absl::Status Cluster::Stop() {
  absl::Status result;
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (member->process == nullptr) continue;
    const int code = member->process->End(SIGTERM);
    member->process.reset();
    if (code != 0) {
      result = absl::InternalError(absl::StrCat(
          member->name, " ended with ", code, " after SIGTERM:\n", Logs()));
    }
  }
  return result;
}

absl::StatusOr<Cluster::Member*> Cluster::Find(const std::string& name) {
  for (Member& member : members_) {
    if (member.name == name) return &member;
  }
  return absl::NotFoundError(absl::StrCat("no process ", name));
}

absl::Status Cluster::Kill(const std::string& name) {
  ASSIGN_OR_RETURN(Member * member, Find(name));
  if (member->process == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " does not run: it was killed before"));
  }
  member->process->End(SIGKILL);
  member->process.reset();
  return absl::OkStatus();
}

absl::Status Cluster::Launch(const std::string& name) {
  ASSIGN_OR_RETURN(Member * member, Find(name));
  if (member->process != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " runs: kill it before it is started again"));
  }
  return Launch(*member);
}

absl::StatusOr<absl::Duration> Cluster::AwaitServing(const std::string& name) {
  ASSIGN_OR_RETURN(Member * member, Find(name));
  if (member->process == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " was not started; launch it first"));
  }
  return AwaitServing(*member);
}

absl::StatusOr<absl::Duration> Cluster::Restart(const std::string& name) {
  RETURN_IF_ERROR(Kill(name));
  RETURN_IF_ERROR(Launch(name));
  return AwaitServing(name);
}

absl::Status Cluster::Signal(const std::string& name, int signal) {
  ASSIGN_OR_RETURN(Member * member, Find(name));
  if (member->process == nullptr || !member->process->running()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " does not run:\n", Logs()));
  }
  member->process->Signal(signal);
  return absl::OkStatus();
}

absl::Status Cluster::Pause(const std::string& name) {
  return Signal(name, SIGSTOP);
}

absl::Status Cluster::Continue(const std::string& name) {
  return Signal(name, SIGCONT);
}

absl::Status Cluster::AddWorker(const std::string& name,
                                const std::string& kind) {
  members_.push_back(NewMember(name, FreePort(), "none", kind + "=1", server_));
  RETURN_IF_ERROR(Launch(members_.back()));
  return AwaitServing(members_.back()).status();
}

std::vector<std::string> Cluster::Ended() {
  std::vector<std::string> names;
  for (Member& member : members_) {
    if (member.process != nullptr && !member.process->running()) {
      names.push_back(member.name);
    }
  }
  return names;
}

std::vector<std::string> Cluster::process_names() const {
  std::vector<std::string> names;
  for (const Member& member : members_) names.push_back(member.name);
  return names;
}

CommandResult Cluster::Cli(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), kNevus);
  arguments.push_back("--server=" + server_);
  return RunCommand(arguments);
}

std::string Cluster::CliJson(std::vector<std::string> arguments) const {
  arguments.push_back("--output=json");
  const CommandResult result = Cli(arguments);
  EXPECT_EQ(result.exit_code, 0) << absl::StrJoin(arguments, " ") << "\n"
                                 << result.err << result.out << "\n"
                                 << Logs();
  return result.out;
}

std::string Cluster::LogOf(const std::string& name) const {
  std::ifstream file(File(name + ".log"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Cluster::Logs() const {
  std::string logs;
  for (const Member& member : members_) {
    absl::StrAppend(&logs, "--- ", member.name, "\n", LogOf(member.name));
  }
  return logs;
}

}  // namespace nevus
