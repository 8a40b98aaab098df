// `nevus admin`: copying everything while it works, checking it, and making a
// copy a data directory again.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/version.h"
#include "clients/nevus/backup_folder.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "protos/nevus/v1/system.grpc.pb.h"

namespace nevus {
namespace {

// Where the services are that keep something.
absl::StatusOr<ServiceAddresses> Addresses(const Context& context) {
  absl::StatusOr<ServiceAddresses> addresses = ServiceAddresses::Parse(
      context.line().Has("server") ? context.line().Text("server")
                                   : context.terminal().default_server);
  if (!addresses.ok()) {
    return UsageError(std::string(addresses.status().message()));
  }
  for (const std::string& service : BackupOrder()) {
    if (!addresses->Find(service).empty()) continue;
    return UsageError(absl::StrCat("--server does not say where the ", service,
                                   " is; add ", service, "=HOST:PORT"));
  }
  return addresses;
}

std::unique_ptr<v1::SystemService::Stub> StubAt(const std::string& address) {
  return v1::SystemService::NewStub(ConnectTo(address));
}

absl::Status EndOfCall(const grpc::Status& ended, const std::string& service,
                       const std::string& address) {
  const absl::Status status = FromGrpc(ended);
  if (status.code() != absl::StatusCode::kUnavailable ||
      !ReasonOf(status).empty()) {
    return Annotate(status, service);
  }
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "no nevusd answers at ", address, " for the ", service, ": ",
          status.message(), ". Start one with nevusd --data DIR --listen ",
          address)),
      "SERVER_UNREACHABLE");
}

// No deadline: a large store takes as long as the disk does.
absl::StatusOr<int64_t> BackUpService(const std::string& service,
                                      const std::string& address,
                                      const std::string& dir) {
  grpc::ClientContext call;
  v1::BackupRequest request;
  request.set_service(service);
  request.set_dir(dir);
  v1::BackupResponse response;
  RETURN_IF_ERROR(EndOfCall(StubAt(address)->Backup(&call, request, &response),
                            service, address));
  return response.bytes();
}

absl::StatusOr<BackupManifest> BackUpAll(Context& context,
                                         const ServiceAddresses& addresses,
                                         const std::string& dir) {
  BackupManifest manifest;
  manifest.version = kVersion;
  manifest.time = absl::FormatTime(absl::RFC3339_sec, Clock::Real().Now(),
                                   absl::UTCTimeZone());
  for (const std::string& service : BackupOrder()) {
    ASSIGN_OR_RETURN(manifest.bytes[service],
                     BackUpService(service, addresses.Find(service), dir));
    context.Say(absl::StrCat("backed up the ", service, ", ",
                             FormatBytes(manifest.bytes[service])));
  }
  RETURN_IF_ERROR(WriteManifest(dir, manifest));
  return manifest;
}

absl::Status Backup(Context& context) {
  const std::string dir =
      std::filesystem::absolute(context.line().Text("dir")).lexically_normal();
  ASSIGN_OR_RETURN(const ServiceAddresses addresses, Addresses(context));
  RETURN_IF_ERROR(CheckEmpty(dir));
  const absl::StatusOr<BackupManifest> manifest =
      BackUpAll(context, addresses, dir);
  if (!manifest.ok()) {
    const absl::Status& why = manifest.status();
    return WithReason(
        absl::Status(why.code(),
                     absl::StrCat(why.message(), ". The backup in ", dir,
                                  " is not complete: it has no manifest.json "
                                  "and will not be restored; remove it")),
        ReasonOf(why));
  }
  Table table{{"service", "size"}, {}};
  for (const std::string& service : BackupOrder()) {
    table.rows.push_back({service, FormatBytes(manifest->bytes.at(service))});
  }
  Json json = ToJson(*manifest);
  json["dir"] = dir;
  context.Print(table, json);
  return absl::OkStatus();
}

struct Verified {
  int64_t values = 0;
  int64_t bytes = 0;
  std::vector<std::string> damaged;
};

absl::StatusOr<Verified> VerifyService(const Context& context,
                                       const std::string& service,
                                       const std::string& address) {
  Progress progress(context.terminal(), absl::StrCat("verify ", service));
  const auto stub = StubAt(address);
  grpc::ClientContext call;
  v1::VerifyRequest request;
  request.set_service(service);
  const auto reader = stub->Verify(&call, request);
  Verified verified;
  bool is_done = false;
  v1::VerifyResponse response;
  while (reader->Read(&response)) {
    verified.values = response.values();
    verified.bytes = response.bytes();
    verified.damaged.insert(verified.damaged.end(), response.damaged().begin(),
                            response.damaged().end());
    is_done = response.done();
    progress.Update(verified.values, 0, "values", FormatBytes(verified.bytes));
  }
  RETURN_IF_ERROR(EndOfCall(reader->Finish(), service, address));
  if (!is_done) {
    return absl::InternalError(
        absl::StrCat(service, ": the answer ended before its end; try again"));
  }
  return verified;
}

absl::Status Verify(Context& context) {
  ASSIGN_OR_RETURN(const ServiceAddresses addresses, Addresses(context));
  Table table{{"service", "values", "size", "damaged"}, {}};
  Json json = Json::object();
  size_t damaged = 0;
  for (const std::string& service : BackupOrder()) {
    ASSIGN_OR_RETURN(const Verified verified,
                     VerifyService(context, service, addresses.Find(service)));
    table.rows.push_back(
        {service, FormatCount(verified.values), FormatBytes(verified.bytes),
         FormatCount(static_cast<int64_t>(verified.damaged.size()))});
    json[service] = {{"values", verified.values},
                     {"bytes", verified.bytes},
                     {"damaged", verified.damaged}};
    damaged += verified.damaged.size();
    for (const std::string& damage : verified.damaged) {
      context.Say(absl::StrCat(service, ": ", damage));
    }
  }
  context.Print(table, json);
  if (damaged == 0) return absl::OkStatus();
  return WithReason(
      absl::DataLossError(absl::StrCat(
          damaged,
          " damaged; they are named above. Restore a backup, or make "
          "again what they hold")),
      "STORE_DAMAGED");
}

absl::Status Restore(Context& context) {
  const std::string from = context.line().Text("from");
  const std::string data = context.line().Text("data");
  ASSIGN_OR_RETURN(const BackupManifest manifest, ReadManifest(from));
  RETURN_IF_ERROR(
      CopyBackup(from, manifest, data, [&](const std::string& service) {
        context.Say(absl::StrCat("restored the ", service, ", ",
                                 FormatBytes(manifest.bytes.at(service))));
      }));
  Table table{{"service", "size"}, {}};
  for (const auto& [service, bytes] : manifest.bytes) {
    table.rows.push_back({service, FormatBytes(bytes)});
  }
  Json json = ToJson(manifest);
  json["data"] = data;
  context.Print(table, json);
  context.Say(absl::StrCat("as it was at ", manifest.time,
                           ". Start it with: nevusd --data ", data));
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> AdminCommands() {
  return {
      {"admin backup",
       "",
       "Copy everything the server keeps, while it works",
       "Writes a folder for each service below DIR, on the server's machine, "
       "and manifest.json when all are there. Holds all that was acknowledged "
       "when it began. Do not delete datasets meanwhile.",
       {Flag::Text("dir", "DIR", "where to; a new or an empty directory")
            .Required()},
       {"nevus admin backup --dir /backup/2026-11-25",
        "nevus admin backup --dir /backup/today --server "
        "127.0.0.1:7700,ingestion=127.0.0.1:7701"},
       Backup},
      {"admin verify",
       "",
       "Read everything the server keeps and check every checksum",
       "Names each damaged key or file. Exits 1 if anything is damaged.",
       {},
       {"nevus admin verify", "nevus admin verify --output json"},
       Verify},
      {"admin restore",
       "",
       "Make a data directory out of a backup",
       "Works without a server. Refuses a backup without manifest.json, and a "
       "directory that is not empty. Jobs that were under way go on when "
       "nevusd "
       "is started on it.",
       {Flag::Text("from", "DIR", "the backup").Required(),
        Flag::Text("data", "NEWDIR", "the data directory to make").Required()},
       {"nevus admin restore --from /backup/2026-11-25 --data nevus-data"},
       Restore}};
}

}  // namespace nevus
