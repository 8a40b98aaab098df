// The work of an `extraction` worker: images in, features out. Stateless but
// for the network that it loaded last, which it forgets when a task is
// cancelled.
#ifndef NEVUS_SERVICES_EXTRACTION_EXTRACTION_HANDLER_H_
#define NEVUS_SERVICES_EXTRACTION_EXTRACTION_HANDLER_H_

#include <memory>
#include <string>

#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// Computes on `threads` cores and, for the arithmetics of a GPU, on `device`,
// "cuda:N" or "" for none. A task's result is its feature space's digest.
// `peers` must outlive it.
//
// Errors of a task, beside those of LoadExtractor and of the peers, which keep
// code and reason: DATA_LOSS: a stored image does not decode (STORED_IMAGE_BAD,
// naming it); CANCELLED, within the time of one image.
std::unique_ptr<TaskHandler> NewExtractionHandler(
    const Peers& peers, int threads, const std::string& device = "");

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_EXTRACTION_HANDLER_H_
