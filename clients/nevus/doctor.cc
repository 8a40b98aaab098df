// `nevus doctor`: what each process of the server runs on, and what is wrong.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "clients/cpp/client.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "protos/nevus/v1/system.grpc.pb.h"

namespace nevus {
namespace {

// It measures for about a second; the rest is for a machine in trouble.
constexpr absl::Duration kDiagnoseTimeout = absl::Seconds(60);

absl::StatusOr<v1::DiagnoseResponse> Diagnose(const std::string& address) {
  const auto channel = ConnectTo(address);
  // As every command: a server that was started a moment ago is waited for.
  channel->WaitForConnected(DeadlineAfter(ClientOptions().connect_timeout));
  const auto stub = v1::SystemService::NewStub(channel);
  grpc::ClientContext context;
  SetTimeout(context, kDiagnoseTimeout);
  v1::DiagnoseResponse found;
  absl::Status status = FromGrpc(stub->Diagnose(&context, {}, &found));
  if (status.code() == absl::StatusCode::kUnavailable) {
    status = WithReason(
        absl::UnavailableError(absl::StrCat(
            "no nevusd answers at ", address, ": ", status.message(),
            ". Start one with nevusd --data DIR --listen ", address)),
        "SERVER_UNREACHABLE");
  }
  RETURN_IF_ERROR(status);
  return found;
}

void AddRows(const std::string& address, const v1::DiagnoseResponse& found,
             std::vector<Row>& rows) {
  std::vector<std::string> workers;
  for (const auto& [kind, count] : found.workers()) {
    workers.push_back(absl::StrCat(kind, "=", count));
  }
  const std::pair<std::string, std::string> facts[] = {
      {"version", found.version()},
      {"services", absl::StrJoin(found.services(), ", ")},
      {"workers", absl::StrJoin(workers, ", ")},
      {"processor", found.cpu_model()},
      {"instructions", absl::StrJoin(found.cpu_features(), " ")},
      {"threads", absl::StrCat(found.compute_threads(), " on ", found.cpus(),
                               " processors")},
      {"matrix product", absl::StrCat(FormatNumber(found.blas_gflops(), 1),
                                      " GFLOP/s with ", found.blas_library())},
      {"memory", absl::StrCat(FormatBytes(found.memory_available_bytes()),
                              " free of ", FormatBytes(found.memory_bytes()))},
      {"disk",
       absl::StrCat(FormatBytes(found.disk_free_bytes()),
                    " free; a synced write takes ",
                    FormatNumber(1000 * found.sync_seconds(), 1), " ms")}};
  for (const auto& [fact, value] : facts) {
    rows.push_back({address, fact, value});
  }
  for (const std::string& problem : found.problems()) {
    rows.push_back({address, "PROBLEM", problem});
  }
  if (found.problems().empty()) rows.push_back({address, "problems", "none"});
}

absl::Status Doctor(Context& context) {
  const std::string server = context.line().Has("server")
                                 ? context.line().Text("server")
                                 : context.terminal().default_server;
  ASSIGN_OR_RETURN(const ServiceAddresses addresses,
                   ServiceAddresses::Parse(server));
  std::set<std::string> distinct;
  for (const std::string& service : ServiceNames()) {
    distinct.insert(addresses.Find(service));
  }
  distinct.erase("");
  Table table{{"server", "what", "found"}, {}};
  Json json = Json::object();
  int problems = 0;
  for (const std::string& address : distinct) {
    ASSIGN_OR_RETURN(const v1::DiagnoseResponse found, Diagnose(address));
    AddRows(address, found, table.rows);
    json[address] = ToJson(found);
    problems += found.problems_size();
  }
  context.Print(table, json);
  if (problems == 0) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        problems, " problem(s) found; see PROBLEM above")),
                    "PROBLEMS_FOUND");
}

}  // namespace

std::vector<Command> DoctorCommands() {
  return {{"doctor",
           "",
           "Look at what the server runs on and say what is wrong",
           "Asks every process that --server names. Measures LibTorch's matrix "
           "product for about a second. Exits 1 if there is a problem.",
           {},
           {"nevus doctor"},
           Doctor}};
}

}  // namespace nevus
