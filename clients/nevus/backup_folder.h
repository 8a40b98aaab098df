// A backup on disk: a folder for each service that keeps something, and a
// manifest that is written last, so that half a backup is never taken for one.
// Knows folders and sizes, not what is in them.
#ifndef NEVUS_CLIENTS_NEVUS_BACKUP_FOLDER_H_
#define NEVUS_CLIENTS_NEVUS_BACKUP_FOLDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/nevus/output.h"

namespace nevus {

// Services that keep something, in the order in which they are backed up: what
// refers before what it refers to (docs/adr/0014).
const std::vector<std::string>& BackupOrder();

struct BackupManifest {
  std::string version;                   // of the program that wrote it
  std::string time;                      // RFC 3339, when it began
  std::map<std::string, int64_t> bytes;  // of each service's folder
};

Json ToJson(const BackupManifest& manifest);

// FAILED_PRECONDITION (DIRECTORY_NOT_EMPTY) unless `dir` is empty or not there.
absl::Status CheckEmpty(const std::string& dir);

// Writes DIR/manifest.json, synced, once each folder that it names is there
// with its size. FAILED_PRECONDITION: BACKUP_NOT_HERE, BACKUP_UNWRITABLE.
absl::Status WriteManifest(const std::string& dir,
                           const BackupManifest& manifest);

// The manifest of a whole backup. FAILED_PRECONDITION (BACKUP_INCOMPLETE):
// there is none, or a folder is missing or has another size; or
// (BACKUP_NEWER): a newer program wrote it.
absl::StatusOr<BackupManifest> ReadManifest(const std::string& dir);

// Copies the folders of the backup `from` into `to`, which is not there or
// empty, synced; says so of each. `to` appears whole or not at all. Errors: as
// ReadManifest and CheckEmpty; FAILED_PRECONDITION (RESTORE_FAILED).
absl::Status CopyBackup(
    const std::string& from, const BackupManifest& manifest,
    const std::string& to,
    const std::function<void(const std::string& service)>& copied);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_BACKUP_FOLDER_H_
