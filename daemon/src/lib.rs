//! trien
