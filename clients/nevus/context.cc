#include "clients/nevus/context.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/help.h"

namespace nevus {
namespace {

constexpr char kVersion[] = "nevus 0.1.0\n";

// Seconds between two updates of a bar, and between two lines.
constexpr double kBarEvery = 0.1;
constexpr double kLineEvery = 5;

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  const std::string reason = ReasonOf(status);
  // The error of a job is its own, whatever its reason.
  if (reason != "JOB_CANCELLED" && MetadataOf(status).count("job") > 0) {
    return 1;
  }
  if (reason == "USAGE") return 2;
  if (reason == "SERVER_UNREACHABLE") return 3;
  if (reason == "JOB_CANCELLED") return 4;
  return 1;
}

bool AsksForJson(const std::vector<std::string>& args) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--output=json") return true;
    if (args[i] == "--output" && i + 1 < args.size() && args[i + 1] == "json") {
      return true;
    }
  }
  return false;
}

int Fail(const absl::Status& status, bool json, const Terminal& terminal) {
  terminal.err << "nevus: " << status.message() << "\n";
  if (json) {
    std::string reason = ReasonOf(status);
    if (reason.empty()) reason = absl::StatusCodeToString(status.code());
    terminal.out << JsonText(
        {{"error",
          {{"code", absl::StatusCodeToString(status.code())},
           {"reason", reason},
           {"message", std::string(status.message())}}}});
  }
  return ExitCode(status);
}

}  // namespace

absl::StatusOr<Client*> Context::Server() {
  if (client_ == nullptr) {
    const std::string address = invocation_.Has("server")
                                    ? invocation_.Text("server")
                                    : terminal_.default_server;
    auto client = Client::Create(address);
    if (!client.ok()) return UsageError(std::string(client.status().message()));
    client_ = *std::move(client);
  }
  return client_.get();
}

void Context::Print(const Table& table, const Json& json) {
  const std::string form = invocation_.Text("output");
  if (form == "json") {
    Write(JsonText(json));
  } else if (form == "csv") {
    std::string text;
    if (!table.header.empty()) text += CsvLine(table.header);
    for (const Row& row : table.rows) text += CsvLine(row);
    Write(text);
  } else {
    Write(AlignTable(table));
  }
}

void Context::Write(const std::string& text) {
  printed_ = true;
  terminal_.out << text;
}

void Context::Say(const std::string& line) { terminal_.err << line << "\n"; }

Progress::Progress(const Terminal& terminal, std::string title)
    : terminal_(terminal), title_(std::move(title)) {}

Progress::~Progress() {
  if (terminal_.err_is_terminal && !last_line_.empty()) terminal_.err << "\n";
}

void Progress::Update(int64_t done, int64_t all, const std::string& unit,
                      const std::string& note) {
  const double now = stopwatch_.Seconds();
  if (first_done_ < 0) first_done_ = done;
  const bool ends = all > 0 && done >= all;
  const double every = terminal_.err_is_terminal ? kBarEvery : kLineEvery;
  if (last_s_ >= 0 && now - last_s_ < every && !ends) return;

  std::string text = title_;
  if (all > 0) {
    if (terminal_.err_is_terminal) {
      const int filled = static_cast<int>(24 * std::min(done, all) / all);
      absl::StrAppend(&text, " [", std::string(filled, '='),
                      std::string(24 - filled, ' '), "]");
    }
    absl::StrAppend(&text, " ", done, "/", all, " ", unit);
  } else if (done > 0) {
    absl::StrAppend(&text, " ", done, " ", unit);
  }
  const double rate = now > 0.5 ? (done - first_done_) / now : 0;
  if (rate > 0) {
    absl::StrAppendFormat(&text, ", %.*f/s", rate < 10 ? 1 : 0, rate);
    if (all > done) {
      absl::StrAppend(&text, ", ", FormatDuration((all - done) / rate),
                      " left");
    }
  }
  if (!note.empty()) absl::StrAppend(&text, ", ", note);
  if (text == last_line_) return;
  last_s_ = now;
  if (terminal_.err_is_terminal) {
    // Spaces over what a longer line left behind.
    const size_t pad =
        last_line_.size() > text.size() ? last_line_.size() - text.size() : 0;
    terminal_.err << "\r" << text << std::string(pad, ' ') << std::flush;
  } else {
    terminal_.err << text << std::endl;
  }
  last_line_ = text;
}

absl::Status SetModel(const std::string& text, std::string* name,
                      int64_t* version, std::string* alias) {
  absl::StatusOr<VersionedName> model = ParseVersionedName("model", text);
  if (!model.ok()) return UsageError(std::string(model.status().message()));
  *name = model->name;
  *version = model->version;
  *alias = model->alias;
  return absl::OkStatus();
}

int RunCommandLine(const std::vector<Command>& commands,
                   const std::vector<std::string>& args,
                   const Terminal& terminal) {
  const absl::StatusOr<Invocation> line = ParseCommandLine(commands, args);
  if (!line.ok()) return Fail(line.status(), AsksForJson(args), terminal);
  if (line->kind == Invocation::Kind::kHelp) {
    terminal.out << HelpText(commands, line->help_prefix);
    return 0;
  }
  if (line->kind == Invocation::Kind::kVersion) {
    terminal.out << kVersion;
    return 0;
  }
  Context context(*line, terminal);
  const absl::Status status = line->command->run(context);
  terminal.out.flush();
  if (status.ok()) return 0;
  return Fail(status, line->Text("output") == "json" && !context.printed(),
              terminal);
}

}  // namespace nevus
