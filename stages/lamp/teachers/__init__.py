"""Who answers the requests: one module per teacher."""
