#include "tests/bench/onnxruntime_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "tests/bench/onnxruntime_files.h"

namespace nevus {

// As onnxruntime/package.json; package-lock.json has the hashes.
const char* const kOnnxRuntimeVersion = "1.30.0";

namespace {

constexpr char kReady[] = "ready";

// Starts `arguments` (the first is searched in PATH) with these files as its
// standard input and output, in `directory`. The kernel kills it if we die.
pid_t Spawn(const std::vector<std::string>& arguments,
            const std::string& directory, int in, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent || chdir(directory.c_str()) != 0) _exit(127);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

absl::StatusOr<std::string> CacheDirectory() {
  const char* const chosen = std::getenv("NEVUS_CACHE");
  if (chosen != nullptr && *chosen != '\0') return std::string(chosen);
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') {
    return absl::StrCat(home, "/.cache/nevus");
  }
  return absl::FailedPreconditionError(
      "neither NEVUS_CACHE nor HOME is set, so there is no place to keep ONNX "
      "Runtime. Set NEVUS_CACHE to a folder");
}

// Runs npm in `directory`, whose lock file names each package and its hash; it
// is to become `done`.
absl::Status Install(const std::string& directory, const std::string& done) {
  const std::string log = directory + "/npm.log";
  const int file =
      open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  // Its install script would look for CUDA and fetch more.
  const pid_t pid = Spawn({"npm", "ci", "--ignore-scripts", "--no-audit",
                           "--no-fund", "--fetch-retries=1"},
                          directory, nothing, file, file);
  close(file);
  close(nothing);
  int status = -1;
  if (pid > 0) waitpid(pid, &status, 0);
  if (status == 0) return absl::OkStatus();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return absl::FailedPreconditionError(
        "npm is not to be found. Install Node.js 18 or newer with npm and run "
        "again");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("npm could not fetch onnxruntime-node ", kOnnxRuntimeVersion,
                   " (", log, " says why). Run again with a network, or bring ",
                   done, " from a machine that has one"));
}

}  // namespace

absl::StatusOr<std::string> FetchOnnxRuntime() {
  ASSIGN_OR_RETURN(const std::string cache, CacheDirectory());
  const std::string done =
      absl::StrCat(cache, "/onnxruntime-node-", kOnnxRuntimeVersion);
  if (!IsDirectory(done)) {
    const std::string part = done + ".part";
    RETURN_IF_ERROR(WriteFile(part + "/package.json", kPackageJson));
    RETURN_IF_ERROR(WriteFile(part + "/package-lock.json", kPackageLockJson));
    RETURN_IF_ERROR(Install(part, done));
    std::error_code error;
    std::filesystem::rename(part, done, error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat(part, " cannot be renamed to ", done, ": ",
                       error.message(), ". Rename it by hand"));
    }
  }
  // Ours, and maybe newer than the package beside it.
  RETURN_IF_ERROR(WriteFile(done + "/peer.js", kPeerJs));
  return done;
}

absl::StatusOr<std::unique_ptr<OnnxRuntimePeer>> OnnxRuntimePeer::Start(
    const std::string& package, const PeerWork& work) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::InternalError(
        absl::StrCat("no socket pair: ", std::strerror(errno)));
  }
  std::unique_ptr<OnnxRuntimePeer> peer(new OnnxRuntimePeer(ends[0]));
  const std::string model = peer->files_.File("network.onnx");
  const std::string planes = peer->files_.File("planes.f32");
  const size_t floats = size_t{3} * work.count * work.side * work.side;
  absl::Status status = WriteFile(model, work.model);
  if (status.ok()) {
    status = WriteFile(planes,
                       std::string(reinterpret_cast<const char*>(work.planes),
                                   floats * sizeof(float)));
  }
  if (status.ok()) {
    peer->pid_ =
        Spawn({"node", "peer.js", model, planes, absl::StrCat(work.count),
               absl::StrCat(work.side), absl::StrCat(work.threads),
               peer->files_.File("features.f32")},
              package, ends[1], ends[1], STDERR_FILENO);
  }
  close(ends[1]);
  RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(const std::string answer, peer->ReadLine());
  if (answer == kReady) return peer;
  return absl::InternalError(absl::StrCat("ONNX Runtime's process said ",
                                          Quoted(answer), " instead of ready"));
}

OnnxRuntimePeer::~OnnxRuntimePeer() {
  close(socket_);
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::StatusOr<double> OnnxRuntimePeer::Run(int batch) {
  const std::string line = absl::StrCat(batch, "\n");
  if (send(socket_, line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return absl::InternalError("ONNX Runtime's process has ended");
  }
  ASSIGN_OR_RETURN(const std::string answer, ReadLine());
  double seconds = 0;
  if (!absl::SimpleAtod(answer, &seconds) || seconds <= 0) {
    return absl::InternalError(
        absl::StrCat("ONNX Runtime's process said ", Quoted(answer),
                     " where the seconds of a run were due"));
  }
  return seconds;
}

absl::StatusOr<std::vector<float>> OnnxRuntimePeer::Features() const {
  constexpr int64_t kMostBytes = int64_t{1} << 32;
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadFile(files_.File("features.f32"), kMostBytes));
  std::vector<float> features(bytes.size() / sizeof(float));
  std::memcpy(features.data(), bytes.data(), features.size() * sizeof(float));
  return features;
}

absl::StatusOr<std::string> OnnxRuntimePeer::ReadLine() {
  size_t end;
  while ((end = unread_.find('\n')) == std::string::npos) {
    char buffer[256];
    const ssize_t count = read(socket_, buffer, sizeof(buffer));
    if (count <= 0) {
      return absl::FailedPreconditionError(
          "ONNX Runtime's process ended before it answered; what it said "
          "stands above. Node.js 18 or newer must be in PATH");
    }
    unread_.append(buffer, count);
  }
  const std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

}  // namespace nevus
