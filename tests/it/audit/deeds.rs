//! Each deed leaves exactly its events (LG-03).
