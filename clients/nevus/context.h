// What a command runs with: its command line, the server, stdout and stderr.
#ifndef NEVUS_CLIENTS_NEVUS_CONTEXT_H_
#define NEVUS_CLIENTS_NEVUS_CONTEXT_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "clients/cpp/client.h"
#include "clients/nevus/command.h"
#include "clients/nevus/output.h"

namespace nevus {

// Where text goes, and where the server is unless --server says so.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
  std::string default_server;
  // Characters a line of `err`, asked at each redraw: a window may change.
  std::function<int()> columns = [] { return 80; };
};

// Thread-compatible. Borrows the terminal, which must outlive it.
class Context {
 public:
  Context(const Invocation& invocation, const Terminal& terminal)
      : invocation_(invocation), terminal_(terminal) {}

  const Invocation& line() const { return invocation_; }
  const std::string& argument(size_t i) const {
    return invocation_.arguments[i];
  }
  const Terminal& terminal() const { return terminal_; }

  // The client, made at the first call.
  absl::StatusOr<Client*> Server();

  // The result, once: the table (as text or CSV) or the JSON value.
  void Print(const Table& table, const Json& json);
  // Bytes as they are, whatever --output says: help, completion, streamed CSV.
  void Write(const std::string& text);
  bool printed() const { return printed_; }
  // A line for people on stderr.
  void Say(const std::string& line);

 private:
  const Invocation& invocation_;
  const Terminal& terminal_;
  std::unique_ptr<Client> client_;
  bool printed_ = false;
};

// How far something is, on stderr: a bar with rate and time left on a terminal,
// sparse lines elsewhere. Thread-compatible.
class Progress {
 public:
  Progress(const Terminal& terminal, std::string title);
  ~Progress();  // ends the bar's line
  // `all` 0: unknown. `note` is the newest thing worth saying.
  void Update(int64_t done, int64_t all, const std::string& unit,
              const std::string& note = "");

 private:
  const Terminal& terminal_;
  const std::string title_;
  const Stopwatch stopwatch_;
  double last_s_ = -1;
  int64_t first_done_ = -1;
  std::string last_line_;
};

// "melanoma@1" or "melanoma@production" into a request with version and alias.
absl::Status SetModel(const std::string& text, std::string* name,
                      int64_t* version, std::string* alias);

// Runs `args` (without the program's name) against `commands`; returns the exit
// code of docs/cli.md.
int RunCommandLine(const std::vector<Command>& commands,
                   const std::vector<std::string>& args,
                   const Terminal& terminal);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_CONTEXT_H_
